"""Messages: what is refused, what is mended, what is kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from notifications.messages import Message, content_body


def message(**changes: Any) -> Message:
    values = {
        "message_type": "signal",
        "priority": "P0",
        "title": "Title",
        "body": "Body",
    }
    return Message(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"priority": "P3"}, "'P3'"),
        ({"priority": "p0"}, "'p0'"),
        ({"message_type": "trade"}, "'trade'"),
        ({"title": " \n "}, "empty title"),
        ({"title": "\0"}, "empty title"),
    ],
)
def test_a_wrong_message_is_refused_with_the_value(
    changes: dict[str, Any], names: str
) -> None:
    with pytest.raises(ValueError, match=names):
        message(**changes)


def test_a_title_is_one_line_of_bounded_length() -> None:
    assert message(title="a\nb\r\n  c").title == "a b c"
    assert len(message(title="x" * 1000).title) == 200


def test_what_postgresql_refuses_is_taken_out() -> None:
    odd = message(title="a\0b", body="c\0d\ud800e", context={"k\0": ["\ud800", "\0x"]})
    assert odd.title == "ab"
    assert odd.body == "cd?e"
    assert json.loads(odd.metadata("now"))["context"] == {"k": ["?", "x"]}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (float("nan"), None),
        (2**70, str(2**70)),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        ((1, 2), [1, 2]),
    ],
)
def test_every_context_can_be_stored(value: object, kept: object) -> None:
    stored = json.loads(message(context={"value": value}).metadata("now"))
    assert stored["context"] == {"value": kept}


def test_title_and_body_come_back_from_the_content() -> None:
    one = message(body="line\n\nline")
    assert one.content == "Title\n\nline\n\nline"
    assert content_body(one.content, one.title) == "line\n\nline"
    assert message(body="").content == "Title"
    assert content_body("Title", "Title") == ""


def test_metadata_says_what_the_history_needs() -> None:
    assert json.loads(
        message(context={"a": 1}).metadata("2026-11-22T12:00:00+00:00")
    ) == {
        "priority": "P0",
        "title": "Title",
        "queued_at": "2026-11-22T12:00:00+00:00",
        "context": {"a": 1},
    }
