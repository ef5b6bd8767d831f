"""One row of everything that the admin shows, with secrets in it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth.models import Group
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from accounts.facts import RequestFacts
from accounts.models import AuditEntry, User
from accounts.services import token_create
from freqtrade_mgmt.leases.models import LeaseNote, StrategyLease, SupervisorNode
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from monitoring.models import (
    ErrorLog,
    MetricHour,
    ProcessHeartbeat,
    SystemMetric,
    WatchState,
)
from monitoring.schedules.services import schedules_seed
from notifications.dispatch import alert_raise
from notifications.models import Alert, NotificationSilence
from notifications.saying import Words
from notifications.services import channel_create
from proxies.models import ProxyTest
from proxies.services import proxy_create
from signals_app.hooks import hook_open, hook_secret
from signals_app.identity import moment_of
from signals_app.models import (
    Outcome,
    OutcomeDay,
    OutcomeWork,
    SavedFilter,
    SignalChoice,
)
from signals_app.selectors import signal_by_id
from signals_app.services import signals_record
from strategies.models import StrategyProcess
from strategies.services import live_enable
from tests.notifications.factories import notification
from tests.signals_app.factories import candidate
from tests.strategies import factories

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import Model

# In every place where a secret may be stored.
SECRET: Final = "very-secret-word-77"


def one_of_each(user: User) -> tuple[dict[str, Any], list[str]]:
    """Return keys by label ("app.model"), and the texts that no page may show."""
    now = timezone.now()
    made: list[Model] = [user, Group.objects.create(name="others")]
    facts = RequestFacts("127.0.0.1", "curl")
    session, token = token_create(user=user, facts=facts, days=1, name="ci")
    made += [session, *_ways_out(now)]
    strategy = factories.strategy(
        "one", type="trade_execution", config={"exchange": "binance"}
    )
    live_enable(
        strategy.pk, by=user, typed_name="one", api_key=SECRET, api_secret=SECRET
    )
    strategy.refresh_from_db()
    hook_open(strategy, now=now)
    process = StrategyProcess.objects.create(
        strategy=strategy, pid=7, status="running", start_time=now
    )
    made += [strategy, strategy.versions.latest("id"), process]
    made += _signals(strategy, user, now)
    made += _freqtrade(strategy.pk, user, now)
    made += _watched(now)
    live = strategy.freqtrade_config["live"]
    hidden = [SECRET, token, session.token_hash, hook_secret(strategy)]
    hidden += [strategy.health_metrics["hook"]["word"], live["key"], live["secret"]]
    keys = {row._meta.label_lower: row.pk for row in made}
    return keys | {"accounts.auditentry": AuditEntry.objects.latest("id").pk}, hidden


def _ways_out(now: datetime) -> list[Model]:
    proxy = proxy_create(
        name="tokyo",
        type="http",
        host="127.0.0.1",
        port=1,
        password=SECRET,
        username="a",
    )
    test = ProxyTest.objects.create(proxy=proxy, success=True, latency_ms=3)
    channel = channel_create(
        name="phone",
        type="telegram",
        config={"token": f"12345:{SECRET}-{SECRET}", "chat_id": -100123},
    )
    told = notification(channel)
    silence = NotificationSilence.objects.create(
        reason="night", created_by="x", starts_at=now, ends_at=now + timedelta(hours=1)
    )
    words = Words("The disk is full", "Make room.")
    alert_raise(key="machine:disk", priority="P1", words=lambda: words)
    return [proxy, test, channel, told, silence, Alert.objects.get()]


def _signals(strategy: Any, user: User, now: datetime) -> list[Any]:
    minute = now.replace(second=0, microsecond=0)
    found = signals_record(
        [candidate(strategy_id=strategy.pk, strategy_name="one", timestamp=minute)]
    )
    ((number, _word),) = found.answers
    assert number is not None
    at = moment_of(number)
    assert at is not None
    copy = {
        "id": number,
        "timestamp": at,
        "strategy_id": strategy.pk,
        "strategy_name": "one",
        "exchange": "binance",
        "pair": "BTC/USDT",
        "timeframe": "1m",
        "signal_type": "BUY",
        "strength_level": "strong",
        "price": 1.0,
    }
    sums = {
        f"{name}_{horizon}": 0
        for name in ("count", "right", "sum", "spread")
        for horizon in (1, 4, 24)
    }
    OutcomeWork.objects.filter(pk=number).delete()
    return [
        signal_by_id(number),
        Outcome.objects.create(**copy, state="open"),
        OutcomeWork.objects.create(**copy, due_at=now),
        OutcomeDay.objects.create(
            day=now.date(),
            strategy_id=strategy.pk,
            signal_type="BUY",
            strength_level="strong",
            is_exit=False,
            signals=1,
            unknown=0,
            **sums,
        ),
        SignalChoice.objects.create(
            user=user, signal_id=number, timestamp=at, choice="taken"
        ),
        SavedFilter.objects.create(user=user, name="mine", query="type=BUY"),
    ]


def _freqtrade(strategy_id: int, user: User, now: datetime) -> list[Model]:
    return [
        FreqtradeVersion.objects.create(version="2026.10"),
        FreqtradeUpgrade.objects.create(
            to_version="2026.10", upgrade_type="install", status="completed", user=user
        ),
        SupervisorNode.objects.create(name="a", home=str(uuid.uuid4()), capacity=3),
        StrategyLease.objects.create(strategy_id=strategy_id, node="a"),
        LeaseNote.objects.create(
            strategy_id=strategy_id, node="a", reason="no room", until=now
        ),
    ]


def _watched(now: datetime) -> list[Model]:
    schedules_seed()
    measured = {"component": "host", "metric_type": "cpu", "unit": "%"}
    figures = {"mean": 1, "low": 1, "high": 1, "samples": 1, "hour": now}
    return [
        SystemMetric.objects.create(**measured, value=1),
        MetricHour.objects.create(**measured, **figures, name="cpu", host="a"),
        ErrorLog.objects.create(
            level="ERROR", component="proxies", message="boom", context={"count": 2}
        ),
        ProcessHeartbeat.objects.create(
            host="a", role="web", name="w", pid=1, create_time=1.0
        ),
        WatchState.objects.create(kind="disk"),
        PeriodicTask.objects.order_by("id")[0],
    ]
