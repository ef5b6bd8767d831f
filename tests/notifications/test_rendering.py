"""A message in the words, the language and the zone of its receiver."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from notifications.digests import Group, Held, digest_message
from notifications.rendering import (
    default_templates,
    preview,
    render,
    title_default,
)
from notifications.rendering.values import COMMON, KINDS, OF_KIND
from tests.notifications.factories import NOW, message
from tests.notifications.told import CHINESE, CONTEXT, ENGLISH, SHANGHAI, TEXTS, signal

LANGUAGES = pytest.mark.parametrize("language", ["en", "zh-hans"])


def channel(**templates: Any) -> SimpleNamespace:
    """Stand for a channel with ``templates`` by kind."""
    return SimpleNamespace(id=7, config={"templates": templates})


def english(title: str = "", body: str = "") -> dict[str, Any]:
    return {"en": {"title": title, "body": body}}


def member(number: int, **changes: Any) -> Held:
    """One row of a digest."""
    plain: dict[str, Any] = {
        "id": number,
        "sent_at": NOW,
        "signal_id": None,
        "message_type": "signal",
        "priority": "P2",
        "title": "stored",
        "queued_at": NOW,
        "why": "digest",
        "due": True,
        "alone": False,
        "context": {},
    }
    return Held(**(plain | changes))


def content(rendered: Any) -> str:
    return f"{rendered.title}\n\n{rendered.body}"


# -- The defaults -----------------------------------------------------------


@LANGUAGES
def test_a_signal_says_everything_in_the_language_of_its_reader(language: str) -> None:
    # Whatever language the process itself is in.
    with translation.override("en" if language == "zh-hans" else "zh-hans"):
        rendered = render(channel(), signal(), language, SHANGHAI)
    assert content(rendered) == TEXTS[language]
    assert rendered.problem == ""


def test_what_a_signal_lacks_leaves_no_line_behind() -> None:
    bare = signal(
        dict.fromkeys(["version", "mark", "tag", "indicators", "url"]) | {"strength": 0}
    )
    rendered = render(channel(), bare, "en", ZoneInfo("UTC"))
    assert rendered.title == "▲ BUY BTC/USDT 5m · strong 0"
    assert rendered.body.splitlines() == [
        "Price: 63210.5",
        "Candle closed: 2026-11-22 12:05 (UTC)",
        "Strategy: ema_cross",
        "Exchange: binance",
    ]


def test_a_guessed_strength_is_said() -> None:
    rendered = render(channel(), signal({"guessed": True}), "en", SHANGHAI)
    assert "The strategy gave no strength; its default was used." in rendered.body


@pytest.mark.parametrize(
    ("moment", "zone", "told"),
    [
        ("2026-07-01T12:00:00Z", "Europe/Berlin", "2026-07-01 14:00 (Europe/Berlin, UTC+2)"),
        ("2026-12-01T12:00:00Z", "Europe/Berlin", "2026-12-01 13:00 (Europe/Berlin, UTC+1)"),
        # The hour that clocks show twice is told apart by the offset.
        ("2026-10-25T00:30:00Z", "Europe/Berlin", "2026-10-25 02:30 (Europe/Berlin, UTC+2)"),
        ("2026-10-25T01:30:00Z", "Europe/Berlin", "2026-10-25 02:30 (Europe/Berlin, UTC+1)"),
        # The hour that they leave out.
        ("2026-03-29T01:00:00Z", "Europe/Berlin", "2026-03-29 03:00 (Europe/Berlin, UTC+2)"),
        ("2026-03-29T00:59:59Z", "Europe/Berlin", "2026-03-29 01:59:59 (Europe/Berlin, UTC+1)"),
        ("2026-01-01T00:00:00Z", "America/New_York", "2025-12-31 19:00 (America/New_York, UTC-5)"),
        ("2026-01-01T00:00:00Z", "Asia/Kolkata", "2026-01-01 05:30 (Asia/Kolkata, UTC+5:30)"),
        ("2026-01-01T00:00:00", "UTC", "2026-01-01 00:00 (UTC)"),
    ],
)  # fmt: skip
def test_the_close_of_the_candle_is_told_on_the_receiver_s_clocks(
    moment: str, zone: str, told: str
) -> None:
    rendered = render(channel(), signal({"candle_close": moment}), "en", ZoneInfo(zone))
    assert f"Candle closed: {told}\n" in rendered.body


def test_a_moment_that_is_none_costs_nothing_but_its_line() -> None:
    rendered = render(
        channel(), signal({"candle_close": "2026-99-99T00:00"}), "en", SHANGHAI
    )
    assert "Candle closed:\n" in rendered.body


@pytest.mark.parametrize("kind", ["alert", "system"])
def test_other_messages_are_told_as_they_are(kind: str) -> None:
    plain = message(
        message_type=kind, title="{{ title }} _*[]<>&", body="a\n\n{% x %}  b"
    )
    rendered = render(channel(), plain, "zh-hans", SHANGHAI)
    assert (rendered.title, rendered.body) == (plain.title, plain.body)


def test_the_link_of_an_alert_comes_last() -> None:
    plain = message(message_type="alert", context={"url": "https://x.example"})
    rendered = render(channel(), plain, "en", SHANGHAI)
    assert rendered.body == f"{plain.body}\nhttps://x.example"


def test_a_signal_without_its_context_is_told_as_it_is() -> None:
    rendered = render(channel(), message(), "en", SHANGHAI)
    assert (rendered.title, rendered.body) == ("BUY BTC/USDT", "Price: 63210.5")


def test_signals_of_an_earlier_version_are_understood() -> None:
    earlier = {
        "strategy_name": CONTEXT["strategy"],
        "strategy_version": CONTEXT["version"],
        "strength_raw": CONTEXT["strength"],
        "strength_level": CONTEXT["level"],
        "timestamp": CONTEXT["candle_close"],
    }
    gone = dict.fromkeys(["strategy", "version", "strength", "level", "candle_close"])
    rendered = render(channel(), signal(gone | earlier), "en", SHANGHAI)
    assert content(rendered) == ENGLISH


def test_what_a_market_says_is_no_template_and_no_markup() -> None:
    odd = signal(
        {"pair": "{{ priority }}_*[]<>&", "tag": "{% debug %}", "strategy": "策略 <b>"}
    )
    rendered = render(channel(), odd, "zh-hans", SHANGHAI)
    assert "{{ priority }}_*[]<>&" in rendered.title
    assert "· {% debug %}" in rendered.body
    assert "策略：策略 <b> v1.4" in rendered.body


@LANGUAGES
@pytest.mark.parametrize("kind", KINDS)
def test_the_default_templates_can_be_a_channel_s_own(kind: str, language: str) -> None:
    default = default_templates(kind, language)
    own = {kind: {language: default._asdict()}}
    told = signal() if kind == "signal" else message(message_type="alert")
    plain = render(channel(), told, language, SHANGHAI)
    assert preview(told, own, language, SHANGHAI) == plain


# -- A channel's own --------------------------------------------------------


def test_a_channel_has_its_own_words_by_kind_and_language() -> None:
    own = channel(
        signal={
            "en": {"title": "{{ pair }} {{ direction }}", "body": "at {{ price }}"},
            "zh-hans": {"title": "{{ pair }} {{ direction }}"},
        },
        alert=english("Trouble: {{ title }}"),
    )
    told = render(own, signal(), "en", SHANGHAI)
    assert (told.title, told.body) == ("BTC/USDT buy", "at 63210.5")
    told = render(own, signal(), "zh-hans", SHANGHAI)
    # What the channel does not say is told as usual.
    assert content(told) == CHINESE.replace(CHINESE.partition("\n")[0], "BTC/USDT 买入")
    told = render(own, message(message_type="alert"), "en", SHANGHAI)
    assert told.title == "Trouble: BUY BTC/USDT"
    told = render(own, message(message_type="alert"), "zh-hans", SHANGHAI)
    assert told.title == "BUY BTC/USDT"


def test_a_template_can_go_around_the_usual_text() -> None:
    own = channel(signal=english("Look! {{ title }}", "{{ body }}\n-- \nthe desk"))
    told = render(own, signal(), "en", SHANGHAI)
    title, body = ENGLISH.split("\n\n")
    assert (told.title, told.body) == (f"Look! {title}", f"{body}\n--\nthe desk")


def test_values_filters_and_loops_of_a_template() -> None:
    body = (
        "{{ candle_close|date:'d.m. H:i' }} {{ indicators.rsi|floatformat:1 }}"
        " {{ indicators.none|default:'-' }} {{ strategy|truncatechars:4 }}"
        "{% if strength >= 80 and level == 'strong' %} !{% endif %}"
        "{% for name, value in indicators.items %} {{ forloop.counter }}.{{ name }}"
        "{% endfor %}{% with x=pair %} {{ x|lower }}{% endwith %}"
    )
    told = render(channel(signal=english(body=body)), signal(), "en", SHANGHAI)
    assert told.problem == ""
    assert told.body == "22.11. 20:05 28.1 - ema… ! 1.rsi 2.trend btc/usdt"


def test_lines_of_tags_alone_leave_no_empty_lines() -> None:
    body = "one\n  {% if pair %} {# why #}\ntwo\n{% endif %}\n\nthree {% if tag %}\n4{% endif %}"
    told = render(channel(signal=english(body=body)), signal(), "en", SHANGHAI)
    assert told.body == "one\ntwo\n\nthree\n4"


def test_a_digest_has_templates_of_its_own() -> None:
    rows = tuple(member(number, title=f"t{number}") for number in range(3))
    with translation.override("en"):
        digest = digest_message(Group("P2", "digest", rows), SHANGHAI)
    body = "{% for row in rows %}{{ row.title }} {{ row.time|date:'H:i' }};{% endfor %}"
    own = channel(
        digest=english("{{ count }} in one", body), signal=english("no", "no")
    )
    told = render(own, digest, "en", SHANGHAI)
    assert told.title == "3 in one"
    assert told.body.count(";") == 3
    assert told.body.startswith("t0 ")


def test_the_rows_of_a_digest_are_in_its_reader_s_language() -> None:
    rows = tuple(member(number, context=CONTEXT) for number in range(2))
    with translation.override("zh-hans"):
        digest = digest_message(
            Group("P2", "digest", rows),
            SHANGHAI,
            lambda row: title_default(signal(row.context), "zh-hans", SHANGHAI),
        )
    assert digest.body.count("▲ 买入 BTC/USDT 5m · 强 82") == 2


# -- What goes wrong --------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "{% if %}",
        "{% include '/etc/passwd' %}",
        "{{ price|nothing }}",
        "{% for a in rows %}",
        "{% for a, b, c in indicators.items %}{{ a }}{% endfor %}",
        "{{ price|slice }}",
        "{% for a in much %}" * 300 + "{% endfor %}" * 300,
        "x" * 20_000,
        "{% for a in much %}{% for b in much %}{{ body }}{% endfor %}{% endfor %}",
    ],
)
def test_a_template_that_fails_is_replaced_and_the_log_says_so(
    body: str, caplog: pytest.LogCaptureFixture
) -> None:
    told = signal({"much": list(range(100)), "api_key": "geheim-1234"})
    with caplog.at_level(logging.WARNING):
        rendered = render(channel(signal=english("mine", body)), told, "en", SHANGHAI)
    assert content(rendered) == ENGLISH
    assert rendered.problem
    (record,) = caplog.records
    assert rendered.problem in record.getMessage()
    assert "channel 7" in record.getMessage()
    assert "geheim" not in caplog.text


@pytest.mark.parametrize("title", ["{# nothing #}", "{{ no_such_value }}", " \u0000 "])
def test_an_empty_title_is_replaced(title: str) -> None:
    rendered = render(channel(signal=english(title, "b")), signal(), "en", SHANGHAI)
    assert content(rendered) == ENGLISH or title.strip("\0 ") == ""
    assert rendered.title == ENGLISH.partition("\n")[0]


def test_a_title_is_one_line_of_bounded_length() -> None:
    own = channel(signal=english("a\nb " + "x" * 300, "c"))
    rendered = render(own, signal(), "en", SHANGHAI)
    assert rendered.title.startswith("a b xxx")
    assert len(rendered.title) == 200


@pytest.mark.parametrize(
    "templates",
    [None, [], "x", {"signal": []}, {"signal": {"en": "x"}}, {"signal": {"en": {"title": 5}}}],
)  # fmt: skip
def test_stored_templates_that_make_no_sense_count_as_absent(templates: Any) -> None:
    odd = SimpleNamespace(id=7, config={"templates": templates})
    assert content(render(odd, signal(), "en", SHANGHAI)) == ENGLISH


def test_a_preview_says_in_the_viewer_s_language_what_is_wrong() -> None:
    with translation.override("en"):
        told = preview(
            signal(), {"signal": english("a", "b\n{% if %}")}, "en", SHANGHAI
        )
    assert content(told) == ENGLISH
    assert told.problem.startswith("Line 2: ")


def test_every_value_that_forms_name_is_there() -> None:
    told = signal({"guessed": True})
    names = [name for name in COMMON | OF_KIND["signal"] if name != "body"]
    body = "\n".join(f"{name}={{{{ {name} }}}}" for name in names)
    lines = preview(told, {"signal": english("t", body)}, "en", SHANGHAI).body
    assert [line for line in lines.splitlines() if line.endswith("=")] == []
