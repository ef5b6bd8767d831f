"""Every notice was delivered once, or its state tells why not."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.soak.judging import notices_check
from tests.soak.notices import EMAIL, WEBHOOK, Notice, NoticeVerdict, judge, state
from tests.soak.report import FAILED, OK


def notice(number: int = 1, status: str = "sent", **metadata: Any) -> Notice:
    return Notice(number, "signal", 7, WEBHOOK, status, "", metadata)


def verdict(*rows: Notice, got: dict[int, int] | None = None) -> NoticeVerdict:
    """Judge rows of one signal on one channel, whose receiver got these numbers."""
    received = Counter(got if got is not None else {1: 1})
    return judge(rows, ["signal"], [7], received, Counter())


def test_one_that_was_sent_and_came_passes() -> None:
    found = verdict(notice())
    assert found.ok
    assert notices_check(found).result == OK
    assert notices_check(found).told == "1 sent"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (notice(status="failed", suppressed={"because": "silence"}), "suppressed"),
        (notice(status="failed")._replace(error="refused"), "failed"),
        (notice(status="pending", held={"until": "later"}), "held"),
        (notice(status="retry", next_attempt_at="later"), "tried again"),
    ],
)
def test_a_state_that_tells_why_not_passes(row: Notice, told: str) -> None:
    assert state(row).startswith(told)
    assert verdict(row, got={}).ok


@pytest.mark.parametrize(
    "row", [notice(status="pending"), notice(status="retry"), notice(status="failed")]
)
def test_a_state_that_tells_nothing_fails(row: Notice) -> None:
    found = verdict(row, got={})
    assert found.untold
    assert notices_check(found).result == FAILED


def test_one_that_is_called_sent_and_never_came_fails() -> None:
    assert verdict(notice(), got={}).undelivered


def test_one_that_came_twice_fails_unless_that_was_said() -> None:
    assert verdict(notice(), got={1: 2}).repeated
    assert verdict(notice(unknown_outcome=True), got={1: 2}).ok


def test_a_signal_without_its_notice_or_with_two_fails() -> None:
    assert verdict(got={}).absent
    assert verdict(notice(1), notice(2), got={1: 1, 2: 1}).doubled
    assert judge([notice()], [], [7], Counter({1: 1}), Counter()).strangers


def test_one_in_a_digest_is_delivered_when_the_digest_was() -> None:
    member = notice(1, collapsed_into=2)
    digest = notice(2, digest_of=[1])._replace(signal="")
    assert verdict(member, digest, got={2: 1}).ok
    assert verdict(member, digest, got={}).undelivered
    assert verdict(member, got={}).undelivered


def test_a_mail_is_known_by_its_message_id() -> None:
    row = notice(message_id="<1@x>")._replace(channel_type=EMAIL)
    mails = Counter({"<1@x>": 1})
    assert judge([row], ["signal"], [7], Counter(), mails).ok
    assert judge([row], ["signal"], [7], Counter(), Counter()).undelivered
    mails["<2@x>"] += 1
    assert judge([row], ["signal"], [7], Counter(), mails).strangers


def test_a_fallback_is_no_second_notice() -> None:
    first = notice(1, status="failed")._replace(error="gone")
    second = notice(2, fallback_of=1)
    assert verdict(first, second, got={2: 1}).ok


def test_a_run_without_any_notice_fails() -> None:
    assert notices_check(judge([], [], [], Counter(), Counter())).result == FAILED
