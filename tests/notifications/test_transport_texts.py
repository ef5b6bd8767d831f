"""Cutting and filling texts, and keeping secrets out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from notifications.transports.secrets import masked
from notifications.transports.texts import (
    cut,
    fill,
    fill_structure,
    json_size,
    utf8,
    utf16,
    values_of,
)
from tests.notifications.providers import MESSAGE

if TYPE_CHECKING:
    from collections.abc import Callable

FAMILY = "👨\u200d👩\u200d👧"


@pytest.mark.parametrize(
    ("text", "room", "kept"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("", 0, ""),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("abc", -3, ""),
        # A letter with its accent, a skin tone and a family stay whole.
        ("abe\u0301x", 4, "ab…"),
        ("ab👍🏽x", 4, "ab…"),
        (f"ab{FAMILY}x", 5, "ab…"),
        # A line that is nearly whole ends at its end.
        ("x" * 50 + "\nyyyy", 54, "x" * 50 + "\n…"),
        ("x" * 5 + "\n" + "y" * 50, 20, "x" * 5 + "\n" + "y" * 13 + "…"),
    ],
)
def test_a_text_is_cut_at_a_safe_place(text: str, room: int, kept: str) -> None:
    assert cut(text, room) == kept


@pytest.mark.parametrize("size", [len, utf8, utf16, json_size])
@pytest.mark.parametrize("letter", ["x", "é", "中", "🚀", '"', FAMILY])
def test_what_is_cut_fits_by_every_measure(
    size: Callable[[str], int], letter: str
) -> None:
    for room in range(3, 120, 7):
        kept = cut(letter * 100, room, size)
        assert size(kept) <= room
        kept.encode()


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{title}", MESSAGE.title),
        ("{priority}: {pair} {price}", "P0: BTC/USDT 63210.5"),
        ("{indicators.rsi}", "28.1"),
        ("{indicators.rsi.x}{indicators.gone}{gone}", "???"),
        ("{indicators}", '{"rsi": 28.1}'),
        ("{{title}} {0} {} { title }", "{" + MESSAGE.title + "} {0} {} { title }"),
        ("{title.__class__} {__class__}", "? ?"),
    ],
)
def test_placeholders_look_up_and_nothing_more(template: str, text: str) -> None:
    assert fill(template, values_of(MESSAGE), "?") == text


def test_a_value_is_never_a_template() -> None:
    values = {"title": "{body}", "body": "secret"}
    assert fill("{title}", values) == "{body}"
    assert fill_structure(["{title}"], values) == ["{body}"]


def test_the_messages_own_fields_win_over_its_context() -> None:
    assert values_of(MESSAGE)["title"] == MESSAGE.title
    assert values_of(MESSAGE)["pair"] == "BTC/USDT"


@pytest.mark.parametrize(
    "form",
    [
        "https://user:pass-word@hook.example.org/v2/T0ken-in-path?key=key%2Bvalue&a=b",
        "T0ken-in-path",
        "key+value",
        "key%2Bvalue",
        "pass-word",
        "VDBrZW4taW4tcGF0aA==",
    ],
)
def test_a_secret_address_is_masked_whole_and_in_parts(form: str) -> None:
    url = "https://user:pass-word@hook.example.org/v2/T0ken-in-path?key=key%2Bvalue&a=b"
    assert masked(f"<{form}>", {"url": url}) == "<***>"


def test_words_of_an_address_are_not_masked() -> None:
    url = "https://hook.example.org/open-apis/bot/v2/hook/0f1e2d3c4b5a"
    text = "hook.example.org answered: bot v2 hook"
    assert masked(text, {"url": url}) == text


def test_the_token_in_an_apprise_address_is_masked() -> None:
    assert masked("tokenA-long tokenB", {"url": "slack://tokenA-long/tokenB"}) == (
        "*** tokenB"
    )
