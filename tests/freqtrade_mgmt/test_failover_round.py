"""The failover round on the database: decided, stored, told once, and taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from btc_watcher.lib.locks import HEALTH_OF_MANY
from freqtrade_mgmt.failover.round import failover_round
from freqtrade_mgmt.health.round import strategy_health_round
from freqtrade_mgmt.supervisor import routing
from freqtrade_mgmt.supervisor.records import held, wishes
from freqtrade_mgmt.tasks import proxy_failover
from notifications.models import Alert, Notification, NotificationChannel
from proxies.models import Proxy
from strategies.models import Strategy
from strategies.selectors import proxy_uses
from strategies.services import strategy_start
from tests.freqtrade_mgmt.supervising import demo
from tests.languages import words_check

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
NOW = timezone.now()


@pytest.fixture(autouse=True)
def _mail(settings: Any) -> None:
    """Somebody who is told everything, in English."""
    settings.LANGUAGE_CODE = "en"
    NotificationChannel.objects.create(
        name="mail", type="email", config={"to": ["a@example.org"]}, priority=1
    )


def proxy(name: str, **values: Any) -> Proxy:
    fields: dict[str, Any] = {"type": "http", "host": "10.0.0.1", "port": 8080}
    return Proxy.objects.create(name=name, **(fields | {"status": "healthy"} | values))


def wanted(number: int, **bot: Any) -> Strategy:
    strategy = demo(number, freqtrade_config=bot)
    strategy_start(strategy.pk)
    return strategy


def put(row: Proxy, **values: Any) -> None:
    Proxy.objects.filter(pk=row.pk).update(**values)


def route(strategy: Strategy) -> dict[str, Any]:
    found = Strategy.objects.get(pk=strategy.pk).health_metrics["route"]
    assert isinstance(found, dict)
    return found


def told(kind: str = "system") -> list[str]:
    """Return the titles; every row is looked at for words of another language."""
    rows = Notification.objects.filter(message_type=kind).order_by("id")
    named = (Strategy, Proxy, NotificationChannel)
    names = [row.name for model in named for row in model.objects.all()]
    for row in rows:
        words_check(row.metadata["context"], *names)
    return [str(row.metadata["title"]) for row in rows]


def rounds(count: int = 1, begin: int = 0) -> None:
    for number in range(count):
        failover_round(NOW + timedelta(seconds=30 * (begin + number)))


def test_a_strategy_moves_to_another_proxy_and_back_told_once_each() -> None:
    tokyo, osaka = proxy("Tokyo"), proxy("Osaka", priority=2)
    strategy = wanted(0, proxy=tokyo.pk)
    plain = wanted(1)
    rounds(2)
    assert route(strategy)["proxy"] == tokyo.pk
    assert "route" not in Strategy.objects.get(pk=plain.pk).health_metrics
    assert told() == told("alert") == []

    put(tokyo, status="unhealthy")
    before = wishes().up
    rounds(3, begin=2)
    after = wishes().up

    assert route(strategy)["proxy"] == osaka.pk
    assert route(strategy)["from"] == tokyo.pk
    assert before[plain.pk] == after[plain.pk]
    assert before[strategy.pk] != after[strategy.pk]
    assert told() == [f"Strategy {strategy.name} goes through the proxy Osaka now"]
    assert told("alert") == ["The proxy Tokyo is out"]
    alert = Alert.objects.get(key=f"proxy:{tokyo.pk}")
    assert alert.context["proxy_id"] == tokyo.pk
    assert alert.context["strategy_ids"] == [strategy.pk]
    assert alert.priority == "P0"
    uses = proxy_uses([tokyo.pk, osaka.pk])
    assert {(use.proxy_id, use.via) for use in uses} == {
        (tokyo.pk, False),
        (osaka.pk, True),
    }

    put(tokyo, status="healthy")
    rounds(2, begin=5)
    assert route(strategy)["proxy"] == tokyo.pk
    assert wishes().up == before
    assert told()[1:] == [
        f"Strategy {strategy.name} goes through its own proxy Tokyo again"
    ]
    assert told("alert")[1:] == ["All clear: the proxy Tokyo works again"]
    assert [change["to"] for change in route(strategy)["changes"]] == [
        osaka.pk,
        tokyo.pk,
    ]


def test_what_may_go_no_other_way_waits_and_is_wanted_again_by_itself() -> None:
    tokyo = proxy("Tokyo")
    proxy("Osaka")
    strategy = wanted(0, proxy=tokyo.pk, proxy_policy="never")
    rounds()
    assert strategy.pk in wishes().up

    put(tokyo, status="unhealthy")
    rounds(2, begin=1)
    assert wishes().held == {strategy.pk}
    assert strategy.pk not in wishes().up
    assert told() == [f"Strategy {strategy.name} waits: its proxy Tokyo cannot be used"]
    held(strategy.pk)
    row = Strategy.objects.get(pk=strategy.pk)
    assert row.status == "starting"
    assert row.health_metrics["reason"].startswith("Its proxy Tokyo is out, and it may")

    put(tokyo, status="healthy")
    rounds(1, begin=3)
    assert wishes().held == frozenset()
    assert strategy.pk in wishes().up


def test_going_directly_is_a_policy_and_is_told() -> None:
    tokyo = proxy("Tokyo", status="unhealthy")
    strategy = wanted(0, proxy=tokyo.pk, proxy_policy="direct")
    rounds(2)
    assert route(strategy)["why"] == "direct"
    assert told() == [f"Strategy {strategy.name} goes to its exchange directly now"]


@pytest.mark.parametrize("gone", [False, True])
def test_without_any_other_proxy_nothing_goes_out_directly(gone: bool) -> None:
    tokyo = proxy("Tokyo", enabled=False)
    strategy = wanted_of(tokyo)
    if gone:
        tokyo.delete()
    rounds(2)
    assert wishes().held == {strategy.pk}
    assert len(told()) == 1


def wanted_of(row: Proxy) -> Strategy:
    put(row, enabled=True)
    strategy = wanted(0, proxy=row.pk)
    put(row, enabled=False)
    return strategy


def test_a_dead_proxy_is_kept_when_no_other_is_healthy() -> None:
    tokyo = proxy("Tokyo", status="unhealthy")
    strategy = wanted(0, proxy=tokyo.pk)
    rounds(2)
    assert (route(strategy)["proxy"], route(strategy)["why"]) == (tokyo.pk, "kept")
    assert strategy.pk in wishes().up
    # The alert about the proxy says it; the strategy has not moved.
    assert told("alert") == ["The proxy Tokyo is out"]


def test_a_proxy_whose_settings_change_moves_its_bots() -> None:
    tokyo = proxy("Tokyo")
    strategy = wanted(0, proxy=tokyo.pk)
    rounds()
    before = wishes().up[strategy.pk]
    put(tokyo, host="10.0.0.2")
    assert wishes().up[strategy.pk] == before
    rounds(1, begin=1)
    assert wishes().up[strategy.pk] != before
    assert told() == []


def test_switching_a_dead_proxy_off_ends_its_alert() -> None:
    tokyo = proxy("Tokyo", status="unhealthy")
    rounds()
    assert Alert.objects.get(key=f"proxy:{tokyo.pk}").priority == "P1"
    put(tokyo, status="unknown")
    rounds(1, begin=1)
    assert Alert.objects.get().resolved_at is None
    put(tokyo, enabled=False)
    rounds(1, begin=2)
    assert Alert.objects.get().resolved_at is not None


def test_a_round_is_a_task_of_the_first_queue_that_reports_numbers(
    settings: Any,
) -> None:
    tokyo = proxy("Tokyo", status="unhealthy")
    wanted(0, proxy=tokyo.pk, proxy_policy="never")
    assert proxy_failover() == {
        "strategies": 1,
        "moved": 0,
        "held": 1,
        "alerts": 1,
        "skipped": False,
    }
    task = settings.CELERY_TASK_ROUTES[proxy_failover.name]
    assert task["queue"].endswith("P0")
    names = [entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()]
    assert proxy_failover.name in names


def test_who_goes_another_way_stays_there_while_latencies_change() -> None:
    tokyo = proxy("Tokyo", status="unhealthy")
    osaka = proxy("Osaka", priority=2, performance_metrics={"p50_ms": 50})
    seoul = proxy("Seoul", priority=2, performance_metrics={"p50_ms": 60})
    strategy = wanted(0, proxy=tokyo.pk)
    rounds()
    assert route(strategy)["proxy"] == osaka.pk

    put(osaka, performance_metrics={"p50_ms": 70})
    rounds(begin=1)
    assert route(strategy)["proxy"] == osaka.pk

    put(osaka, status="unhealthy")
    rounds(begin=2)
    assert route(strategy)["proxy"] == seoul.pk
    # Nor does the other one's return start it anew.
    put(osaka, status="healthy", performance_metrics={"p50_ms": 10})
    rounds(begin=3)
    assert route(strategy)["proxy"] == seoul.pk
    # Which one is better is said by its priority.
    put(osaka, priority=1)
    rounds(begin=4)
    assert route(strategy)["proxy"] == osaka.pk


@pytest.mark.parametrize("stored", [True, 1.0, "Tokyo", [1]])
def test_a_proxy_that_cannot_be_read_is_never_the_direct_way(stored: Any) -> None:
    strategy = wanted(0)
    put_config = Strategy.objects.filter(pk=strategy.pk).update
    put_config(freqtrade_config={"proxy": stored})
    assert wishes().held == {strategy.pk}
    rounds()
    assert route(strategy)["allowed"] is False


def test_what_waits_begins_again_while_no_round_can_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokyo = proxy("Tokyo")
    strategy = wanted(0, proxy=tokyo.pk)
    put(tokyo, enabled=False)
    waits = frozenset({strategy.pk})

    async def at_once(function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    mine = routing.Routing(at_once)

    def tick() -> None:
        # It waits for nothing, and a loop would have a connection of its own.
        with pytest.raises(StopIteration):
            mine.tick(waits, {}).send(None)

    tick()
    assert route(strategy)["allowed"] is False
    put(tokyo, enabled=True)
    tick()
    assert wishes().held == waits
    monkeypatch.setattr(routing, "HELD_SECONDS", 0.0)
    tick()
    assert wishes().up.keys() == waits
    # And people are told by the next round that can run.
    rounds()
    assert told() == [
        f"Strategy {strategy.name} goes through its own proxy Tokyo again"
    ]


@pytest.mark.parametrize("each", [failover_round, strategy_health_round])
def test_rounds_that_write_many_rows_at_once_wait_for_each_other(each: Any) -> None:
    wanted(0, proxy=proxy("Tokyo").pk)
    each(NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND pid = pg_backend_pid() AND (classid, objid) = (%s, %s)",
            HEALTH_OF_MANY.values,
        )
        assert cursor.fetchone() == (1,)
