"""Trading for real: confirmed by name, audited, and never carried along."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import translation

from btc_watcher.lib.errors import EncryptionError
from strategies.errors import RefusedError, StrategyMissingError
from strategies.models import Strategy
from strategies.selectors import strategies_listed, version_of, versions_of
from strategies.services import (
    draft_publish,
    live_credentials,
    live_disable,
    live_enable,
    strategy_copy,
    strategy_create,
    strategy_update,
    version_roll_back,
)
from tests.strategies import factories
from tests.strategies.factories import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
REAL = {"exchange": "binance"}
KEY, SECRET = "the-key-of-mei", "the-secret-of-mei"
KEYS = {"api_key": KEY, "api_secret": SECRET}


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def mei() -> User:
    return factories.person()


@pytest.fixture
def trader() -> Strategy:
    return factories.strategy("trader", type="trade_execution", config=REAL)


@pytest.fixture
def live(trader: Strategy, mei: User) -> Strategy:
    return live_enable(trader.pk, by=mei, typed_name="trader", **KEYS)


def test_it_is_paper_trading_until_somebody_confirms(trader: Strategy) -> None:
    assert live_credentials(trader) is None
    assert "live" not in trader.freqtrade_config


def test_the_keys_come_back_to_whoever_starts_the_bot_and_are_stored_encrypted(
    live: Strategy,
) -> None:
    row = Strategy.objects.get()
    assert live_credentials(row) == live_credentials(live) == (KEY, SECRET)
    kept = row.freqtrade_config["live"]
    assert (kept["enabled"], kept["by"]) == (True, "mei")
    assert kept.keys() == {"enabled", "by", "at", "key", "secret"}
    stored = json.dumps(list(Strategy.objects.values()), default=str)
    assert KEY not in stored
    assert SECRET not in stored


def test_turning_it_on_is_a_version_without_secrets_and_an_audit_record(
    live: Strategy, mei: User, caplog: pytest.LogCaptureFixture
) -> None:
    assert live.version == "v1.1"
    newest = versions_of(live.pk)[0]
    assert newest.change_summary == "Trading for real was turned on for binance."
    marks = newest.config_snapshot["freqtrade_config"]["live"]
    assert (marks["key"], marks["secret"]) == ("set", "set")
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (mei, str(live.pk))
    assert entry.get_change_message() == newest.change_summary
    assert "v1:" not in json.dumps(newest.config_snapshot)
    assert KEY not in caplog.text
    assert SECRET not in caplog.text


def test_the_list_says_so_and_holds_no_secret(live: Strategy) -> None:
    (row,) = strategies_listed()
    assert row.live
    assert "v1:" not in str(row)


@pytest.mark.parametrize(
    ("changes", "asked", "words"),
    [
        ({"type": "signal_monitor"}, {}, "only gives signals; change its type first"),
        ({"config": {"exchange": "simulated"}}, {}, "takes no real orders"),
        ({}, {"typed_name": "Trader"}, "typed name is not 'trader'"),
        ({}, {"api_key": " "}, "API key is missing or damaged"),
        ({}, {"api_secret": "a\nb"}, "API secret is missing or damaged"),
    ],
)
def test_what_stands_in_the_way_is_said(
    mei: User, changes: dict[str, Any], asked: dict[str, str], words: str
) -> None:
    made = factories.strategy(
        "trader", **({"type": "trade_execution", "config": REAL} | changes)
    )
    with pytest.raises(RefusedError, match=words) as caught:
        live_enable(made.pk, by=mei, **({"typed_name": "trader", **KEYS} | asked))
    assert SECRET not in caught.value.message
    assert not LogEntry.objects.exists()


def test_a_draft_cannot_trade_for_real(mei: User) -> None:
    draft = factories.draft("trader", type="trade_execution", config=REAL)
    with pytest.raises(StrategyMissingError):
        live_enable(draft.pk, by=mei, typed_name="trader", **KEYS)


def test_keys_are_replaced_with_a_record_of_their_own(
    live: Strategy, mei: User
) -> None:
    again = live_enable(
        live.pk, by=mei, typed_name="trader", api_key="k2", api_secret="s2"
    )
    assert live_credentials(again) == ("k2", "s2")
    assert "were replaced" in (versions_of(live.pk)[0].change_summary or "")
    assert LogEntry.objects.count() == 2


def test_turning_it_off_forgets_the_keys_and_is_recorded(
    live: Strategy, mei: User
) -> None:
    off = live_disable(live.pk, by=mei)

    assert off.freqtrade_config == {}
    assert off.version == "v1.2"
    assert live_credentials(off) is None
    newest = LogEntry.objects.order_by("-id")[0]
    assert newest.change_message == "Trading for real was turned off."
    with pytest.raises(RefusedError, match="'trader' does not trade for real"):
        live_disable(live.pk, by=mei)


def test_keys_that_were_copied_to_another_row_are_of_no_use(live: Strategy) -> None:
    other = factories.strategy("thief", type="trade_execution", config=REAL)
    other.freqtrade_config = live.freqtrade_config
    other.save()
    with pytest.raises(EncryptionError, match="belongs to another row"):
        live_credentials(other)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "signal_monitor"},
        {"config": CONFIG | {"exchange": "simulated"}},
        {"is_draft": True},
        {"freqtrade_config": {"live": {"enabled": "yes"}}},
        {"freqtrade_config": {"live": "v1:a:b"}},
    ],
)
def test_a_row_that_was_changed_by_hand_trades_on_paper(
    live: Strategy, changes: dict[str, Any]
) -> None:
    for name, value in changes.items():
        setattr(live, name, value)
    assert live_credentials(live) is None


def test_a_copy_trades_on_paper(live: Strategy) -> None:
    copy = strategy_copy(live.pk, name="copy", by=None)
    assert copy.freqtrade_config == {}
    assert "live" not in str(versions_of(copy.pk)[0].config_snapshot)


def test_nobody_brings_live_trading_along_with_a_configuration(
    trader: Strategy, live: Strategy
) -> None:
    stolen = Strategy.objects.get().freqtrade_config
    made = strategy_create(name="x", config=CONFIG, freqtrade_config=stolen)
    assert made.freqtrade_config == {}
    updated = strategy_update(made.pk, by=None, freqtrade_config=stolen)
    assert updated.freqtrade_config == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"config": CONFIG | REAL | {"pairs": ["ETH/USDT"]}},
        {"freqtrade_config": {"version": "2026.9"}},
        {"type": "signal_monitor"},
    ],
)
def test_a_change_of_what_trades_turns_it_off_and_says_so(
    live: Strategy, mei: User, changes: dict[str, Any]
) -> None:
    changed = strategy_update(live.pk, by=mei, summary="Why not.", **changes)

    assert "live" not in changed.freqtrade_config
    newest = versions_of(live.pk)[0]
    assert newest.change_summary == (
        "Why not. Trading for real was turned off by this change."
    )
    assert LogEntry.objects.count() == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"signal_thresholds": {"strong": 90, "medium": 50, "weak": 20}},
        {"name": "renamed"},
        {"freqtrade_config": {}},
    ],
)
def test_a_change_of_nothing_that_trades_leaves_it_on(
    live: Strategy, changes: dict[str, Any]
) -> None:
    strategy_update(live.pk, by=None, **changes)
    assert live_credentials(Strategy.objects.get()) == (KEY, SECRET)


def test_a_roll_back_trades_on_paper_even_to_a_version_that_traded_for_real(
    live: Strategy, mei: User
) -> None:
    live_version = live.version
    strategy_update(live.pk, by=mei, config=CONFIG | REAL | {"timeframe": "5m"})

    back = version_roll_back(live.pk, live_version, by=mei)

    assert back.config["timeframe"] == "1m"
    assert live_credentials(back) is None
    assert "live" not in back.freqtrade_config


def test_a_roll_back_from_real_trading_to_the_paper_before_it(
    live: Strategy, mei: User
) -> None:
    back = version_roll_back(live.pk, "v1.0", by=mei)
    assert (back.version, back.freqtrade_config) == ("v1.2", {})
    assert version_of(live.pk, "v1.2") is not None


def test_a_published_edit_of_what_trades_turns_it_off(live: Strategy) -> None:
    draft = factories.draft(
        "trader", of=live, type="trade_execution", config=REAL | {"timeframe": "5m"}
    )
    published = draft_publish(draft.pk)
    assert published.version == "v1.2"
    assert versions_of(live.pk)[0].change_summary == (
        "config.timeframe. Trading for real was turned off by this change."
    )
    assert live_credentials(published) is None
