"""Which strategies share a process, and which process takes one: tables of cases."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from btc_watcher.lib.sockets import ProxyAddress
from freqtrade_mgmt.bot_config import BotSpec
from freqtrade_mgmt.supervisor.hosting_groups import (
    EMPTY_MB,
    FILL,
    Bench,
    Group,
    Own,
    Room,
    Weight,
    halves,
    head_of,
    heaviest,
    new_name,
    own_code,
    seat,
)

SPEC = BotSpec(
    strategy_id=1,
    name="one",
    class_name="One",
    code="",
    exchange="binance",
    pairs=("BTC/USDT",),
    timeframe="5m",
    stake_currency="USDT",
)
PYTHON = "/freqtrade/2026.9/bin/python"
GROUP = Group.of(PYTHON, SPEC)
ROOM = Room(memory_mb=1000, analyses=10)
LIGHT = Weight.of(2)


def spec(**more: Any) -> BotSpec:
    return replace(SPEC, **more)


def exchange(**section: Any) -> dict[str, Any]:
    return {"exchange": section}


@pytest.mark.parametrize(
    "same",
    [
        spec(strategy_id=2, name="two", class_name="Two", code="x = 1"),
        spec(pairs=("ETH/USDT", "BTC/USDT"), timeframe="1h"),
        spec(extra=exchange(pair_blacklist=["DOGE/USDT"])),
        spec(extra={"stake_amount": 50}),
        spec(extra={"trading_mode": "spot"}),
    ],
)
def test_what_is_the_strategys_own_parts_no_group(same: BotSpec) -> None:
    assert Group.of(PYTHON, same) == GROUP


@pytest.mark.parametrize(
    "other",
    [
        Group.of("/freqtrade/2026.10/bin/python", SPEC),
        Group.of(PYTHON, spec(exchange="kraken")),
        Group.of(PYTHON, spec(extra={"trading_mode": "futures"})),
        Group.of(PYTHON, spec(extra={"margin_mode": "isolated"})),
        Group.of(PYTHON, spec(extra=exchange(ccxt_config={"timeout": 9}))),
        Group.of(PYTHON, spec(extra=exchange(markets_refresh_interval=5))),
        Group.of(PYTHON, spec(proxy=ProxyAddress("http", "10.0.0.1", 8080))),
        Group.of(PYTHON, SPEC, "http://127.0.0.1:18080"),
    ],
)
def test_another_interpreter_exchange_or_way_is_another_group(other: Group) -> None:
    assert other != GROUP


def test_a_proxys_password_does_not_stand_in_the_group() -> None:
    proxy = ProxyAddress("http", "10.0.0.1", 8080, "me", "geheim")
    group = Group.of(PYTHON, spec(proxy=proxy))
    other = Group.of(PYTHON, spec(proxy=replace(proxy, password="anders")))

    assert "geheim" not in str(asdict(group))
    assert group != other


def test_a_group_is_read_as_it_was_written() -> None:
    assert Group.read(asdict(GROUP)) == GROUP


def bench(name: str, *seats: int, group: Group = GROUP, **more: Any) -> Bench:
    return Bench(name, group, dict.fromkeys(seats, LIGHT), **more)


def taken(strategy_id: int, *benches: Bench, weight: Weight = LIGHT) -> str | None:
    return seat(strategy_id, GROUP, weight, benches, ROOM)


def test_the_first_with_room_takes_it_whatever_the_order() -> None:
    assert taken(9, bench("binance-10"), bench("binance-2", 1)) == "binance-2"
    assert taken(9, bench("binance-2", 1), bench("binance-10")) == "binance-2"


def test_who_has_a_place_keeps_it_though_another_has_room() -> None:
    full = bench("binance-2", 1, 2, 3, 4, 5)
    assert taken(5, bench("binance-1"), full) == "binance-2"


def test_nobody_is_seated_in_another_group_or_in_one_that_ends() -> None:
    other = replace(GROUP, exchange="kraken")
    assert taken(9, bench("kraken-1", group=other)) is None
    assert taken(9, bench("binance-1", open=False)) is None
    assert taken(9, bench("binance-1", group=replace(GROUP, lot="a"))) is None


def test_one_that_is_full_of_analyses_is_passed_over() -> None:
    full = bench("binance-1", 1, 2, 3, 4, 5)
    assert taken(9, full, bench("binance-2")) == "binance-2"
    assert taken(9, full) is None


def test_one_that_is_full_of_memory_is_passed_over_measured_or_reckoned() -> None:
    most = FILL * ROOM.memory_mb
    assert taken(9, bench("binance-1", 1, held_mb=most)) is None
    heavy = Weight(most - EMPTY_MB - LIGHT.memory_mb, 1)
    assert taken(9, bench("binance-1", 1), weight=heavy) == "binance-1"
    assert taken(9, bench("binance-1", 1, 2), weight=heavy) is None


def test_one_that_is_too_heavy_for_all_gets_an_empty_one() -> None:
    assert taken(9, bench("binance-1"), weight=Weight(5000, 99)) == "binance-1"


def test_a_new_one_has_the_first_free_number() -> None:
    assert new_name("binance", []) == "binance-1"
    assert new_name("binance", ["binance-1", "binance-3", "kraken-2"]) == "binance-2"


def test_halving_again_and_again_leaves_everybody_alone() -> None:
    lots = dict.fromkeys(range(1, 8), "")
    for _ in range(3):
        for lot in set(lots.values()):
            lots |= halves([key for key, value in lots.items() if value == lot], lot)
    assert len(set(lots.values())) == 7


@pytest.mark.parametrize(
    ("held", "excess", "found"),
    [
        ({1: 10.0, 2: 12.0, 3: 700.0}, 200.0, 3),
        ({1: 10.0, 2: 12.0, 3: 100.0}, 200.0, None),
        ({1: 300.0, 2: 290.0, 3: 310.0}, 200.0, None),
        ({1: 700.0}, 900.0, 1),
        ({}, 100.0, None),
    ],
)
def test_who_stands_out_and_would_be_enough_is_the_heaviest(
    held: dict[int, float], excess: float, found: int | None
) -> None:
    assert heaviest(held, excess) == found


NOTE = {"code": Own.RAISED, "words": "boom", "of": head_of("v1.0", 2)}
USUAL: dict[str, Any] = {
    "enabled": True,
    "kind": "signal_monitor",
    "asked": None,
    "version": "2026.9",
    "note": None,
    "head": head_of("v1.0", 2),
}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, ""),
        ({"asked": False}, ""),
        ({"version": None}, ""),
        ({"version": "2025.12.1"}, ""),
        ({"kind": "trade_execution", "enabled": False}, Own.TRADES),
        ({"enabled": False}, Own.OFF),
        ({"asked": True}, Own.ASKED),
        ({"version": "2025.11"}, Own.OLD),
        ({"note": NOTE}, Own.RAISED),
        ({"note": NOTE, "head": head_of("v1.1", 2)}, ""),
        ({"note": NOTE, "head": head_of("v1.0", 3)}, ""),
        ({"note": "nonsense"}, ""),
    ],
)
def test_why_a_strategy_has_a_process_of_its_own(
    changed: dict[str, Any], code: str
) -> None:
    assert own_code(**(USUAL | changed)) == code
