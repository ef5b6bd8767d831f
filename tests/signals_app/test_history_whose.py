"""Whose signals a filter finds: names that are numbers, old names, pairs, decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from signals_app.live_filter import LiveFilter
from signals_app.models import Signal
from signals_app.selectors import signals_page
from strategies.models import Strategy
from tests.signals_app.history import ago
from tests.signals_app.outcome_rows import stored
from tests.test_access import a_person

if TYPE_CHECKING:
    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


def found(client: Client, **query: Any) -> list[str]:
    answer = client.get("/signals/", {"period": "24h", **query})
    assert answer.status_code == 200
    return [row.signal.pair for row in answer.context["rows"]]


def live(name: str) -> list[str]:
    wanted = LiveFilter(strategy=name).wanted(timezone.now())
    return [signal.pair for signal in signals_page(wanted, size=10)[0]]


def test_a_name_that_is_a_number_goes_before_the_number(browser: Client) -> None:
    first = Strategy.objects.create(name="first")
    called = Strategy.objects.create(name=str(first.pk))
    stored(
        ago(1, pair="A/USDT", strategy_id=first.pk, strategy_name="first"),
        ago(2, pair="B/USDT", strategy_id=called.pk, strategy_name=called.name),
        ago(3, pair="C/USDT", strategy_id=None, strategy_name="987"),
    )
    assert found(browser, strategy=str(first.pk)) == ["B/USDT"] == live(called.name)
    assert found(browser, strategy_id=first.pk) == ["A/USDT"]
    assert found(browser, strategy="987") == ["C/USDT"] == live("987")
    # Nobody has the number for a name: then it is the number.
    assert found(browser, strategy=str(called.pk)) == ["B/USDT"]
    # The live page knows names alone, as what arrives there does.
    assert live(str(called.pk)) == []
    assert found(browser, strategy="9" * 60) == []


def test_a_renamed_strategy_keeps_its_links_and_its_old_name(browser: Client) -> None:
    strategy = Strategy.objects.create(name="Old")
    own: dict[str, Any] = {"strategy_id": strategy.pk, "strategy_name": "Old"}
    ids = stored(*[ago(n, **own) for n in (3, 2, 1)])
    Strategy.objects.filter(pk=strategy.pk).update(name="New")

    streak = browser.get(f"/signals/{ids[-1]}/").context["streak"]

    answer = browser.get(f"/signals/?{streak}")
    assert len(answer.context["rows"]) == 3
    assert answer.context["numbered"] == "New"
    assert len(found(browser, strategy="Old")) == 3
    assert len(found(browser, strategy=["Old", "New"])) == 3
    assert len(found(browser, strategy="Old", strategy_id=strategy.pk)) == 3


def test_a_streak_in_the_hour_that_comes_twice_is_found(
    browser: Client, user: User
) -> None:
    User.objects.filter(pk=user.pk).update(timezone="America/New_York")
    # At 06:00 UTC the clocks go back from 02:00 to 01:00.
    base = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    quarter = timedelta(minutes=15)
    ids = stored(
        *[{"timeframe": "15m", "timestamp": base + n * quarter} for n in range(4)]
    )
    for length, identifier in enumerate(ids[1:], 2):
        streak = browser.get(f"/signals/{identifier}/").context["streak"]
        rows = browser.get(f"/signals/?{streak}").context["rows"]
        assert [row.signal.pk for row in rows] == ids[:length][::-1]


def test_a_pair_with_small_letters_is_found_as_it_is_written(browser: Client) -> None:
    pair = "kPEPE/USDC:USDC"
    (identifier,) = stored(ago(pair=pair))
    assert found(browser, pair=pair) == [pair]
    near = browser.get(f"/signals/{identifier}/").context["same_pair"]
    assert len(browser.get(f"/signals/?{near}").context["rows"]) == 1
    journal = browser.get("/outcomes/signals/", {"pair": pair})
    assert len(journal.context["rows"]) == 1


def test_a_pair_with_a_slash_is_whole_on_the_live_page_too(browser: Client) -> None:
    stored(ago(1, pair="BTC/USDT"), ago(2, pair="BTC/USDT:USDT"))
    for pair in ("BTC/USDT", "btc/usdt"):
        answer = browser.get("/", {"pair": pair})
        shown = [each["pair"] for each in answer.context["start"]["signals"]]
        assert shown == ["BTC/USDT"] == found(browser, pair=pair)


def test_decisions_are_asked_of_the_database_however_many_there_are(
    browser: Client, user: User
) -> None:
    from signals_app.outcomes.choices import choice_filter  # noqa: PLC0415

    stored(*[ago(n + 1, pair=f"P{n}/USDT") for n in range(6)])
    for signal in Signal.objects.exclude(pair="P5/USDT"):
        browser.post(f"/signals/{signal.pk}/choice/", {"choice": "skipped"})

    assert found(browser, choice="undecided") == ["P5/USDT"]
    assert len(found(browser, choice="skipped")) == 5
    assert found(browser, choice="taken") == []
    browser.force_login(a_person(Role.VIEWER, "other"))
    assert len(found(browser, choice="undecided")) == 6
    # No list of ids that could be cut goes with the question.
    wanted = LiveFilter().wanted(timezone.now())
    assert choice_filter(wanted, user.pk, "skipped").chooser == user.pk
