"""A proxy whose tests fail: told by the failover, known to the health round."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from freqtrade_mgmt.health.alarms import Watched, step
from freqtrade_mgmt.health.conditions import Conditions
from freqtrade_mgmt.health.groups import Behind
from freqtrade_mgmt.health.subjects import subjects_read
from proxies.cache import live_get
from proxies.models import Proxy
from strategies.models import Strategy
from strategies.services import health_merge, strategy_start
from tests.freqtrade_mgmt.health_world import world_open
from tests.freqtrade_mgmt.supervising import demo

if TYPE_CHECKING:
    from pathlib import Path

    import redis

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PROXY, EXCHANGE = "proxy:7", "exchange:binance"


def behind(*, out: bool, own: bool = True) -> Behind:
    groups = {"supervisor": "supervisor", EXCHANGE: "binance"}
    return Behind(
        groups=groups | ({PROXY: "Tokyo"} if own else {}),
        sick=True,
        ailing=True,
        sign=True,
        out=frozenset({PROXY}) if out and own else frozenset(),
    )


def rounds(
    count: int, *, out: bool, alarms: dict[int, Any], begin: int = 0
) -> list[Any]:
    """Run rounds over two strategies that have no process; return what is told."""
    notes: list[Any] = []
    for number in range(count):
        watched = [
            Watched(
                strategy_id=key,
                name=f"s{key}",
                conditions=Conditions({"not_started": {"minutes": 9}}),
                behind=behind(out=out),
                alarms=alarms.get(key, {}),
            )
            for key in (1, 2)
        ]
        now = NOW + timedelta(minutes=begin + number)
        outcome = step(watched, now, supervised=True)
        alarms |= {key: dict(found) for key, found in outcome.alarms.items()}
        notes += outcome.notes
    return notes


def test_a_proxy_that_is_known_to_be_out_mutes_everything_behind_it() -> None:
    alarms: dict[int, Any] = {}
    assert rounds(10, out=True, alarms=alarms) == []
    for key in (1, 2):
        assert alarms[key]["not_started"]["muted_by"] == PROXY
        # Nor does it accuse the exchange.
        assert EXCHANGE not in alarms[key]
        assert not alarms[key][PROXY]["told"]


def test_afterwards_what_is_still_wrong_is_told() -> None:
    alarms: dict[int, Any] = {}
    rounds(10, out=True, alarms=alarms)
    told = rounds(10, out=False, alarms=alarms, begin=10)
    assert [note.kind for note in told] == ["raised"]
    assert told[0].code.partition(":")[0] in {"proxy", "exchange"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("route", "name", "out"),
    [
        (None, "Tokyo", True),
        # It goes another way now, which is well.
        ({"allowed": True, "proxy": "osaka"}, "Osaka", False),
        ({"allowed": True, "proxy": None}, "", False),
        # It waits, so it still hangs on its own.
        ({"allowed": False, "proxy": None}, "Tokyo", True),
        # Decided for another wish than today's.
        ({"allowed": True, "proxy": "osaka", "wanted": 0}, "Tokyo", True),
    ],
)
def test_a_strategy_hangs_on_the_proxy_that_it_goes_through(
    route: dict[str, Any] | None, name: str, out: bool
) -> None:
    fields: dict[str, Any] = {"type": "http", "host": "10.0.0.1", "port": 1}
    tokyo = Proxy.objects.create(name="Tokyo", status="unhealthy", **fields)
    osaka = Proxy.objects.create(name="Osaka", status="healthy", **fields)
    Strategy.objects.all().delete()
    strategy = demo(0, freqtrade_config={"proxy": tokyo.pk})
    strategy_start(strategy.pk)
    if route is not None:
        values = {"wanted": tokyo.pk} | route
        if values["proxy"]:
            values["proxy"] = osaka.pk
        health_merge(strategy.pk, {"route": values})
    (found,) = subjects_read(timezone.now())
    assert (found.proxy_name, found.proxy_out) == (name, out)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("status", "stalls", "asked"),
    [
        ("healthy", True, True),
        ("healthy", False, False),
        # It is tried again by itself.
        ("unhealthy", True, False),
    ],
)
def test_a_bot_without_candles_has_its_proxy_tested(
    status: str,
    stalls: bool,
    asked: bool,
    redis_client: redis.Redis,
    tmp_path: Path,
    settings: Any,
) -> None:
    proxy = Proxy.objects.create(
        name="Tokyo", type="http", host="10.0.0.1", port=1, status=status
    )
    with world_open(tmp_path, settings) as world:
        strategy = world.strategy(freqtrade_config={"proxy": proxy.pk})
        world.round()
        assert live_get(proxy.pk) is None
        if stalls:
            world.stall(strategy)
        world.round()
        found = live_get(proxy.pk)
    assert (found is not None) is asked
    if found is not None:
        assert (found["state"], found["why"]) == ("waiting", "retry")
