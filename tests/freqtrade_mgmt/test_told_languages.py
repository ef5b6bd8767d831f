"""What the supervisor, health and upgrades tell is said in every language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils.translation import override

from freqtrade_mgmt.health.alarms import Note, Outcome
from freqtrade_mgmt.health.telling import alarms_tell
from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.supervisor.records import failed
from freqtrade_mgmt.upgrades.log import step_add
from freqtrade_mgmt.upgrades.telling import tell_ended, tell_started
from notifications.models import Alert, Notification, NotificationChannel
from strategies.models import Status, Strategy
from strategies.services import strategy_start
from tests.freqtrade_mgmt.supervising import demo
from tests.languages import words_check

if TYPE_CHECKING:
    from strategies.models import Strategy as Row

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REASON = (
    "It ended 5 times in 10 minutes: it was killed (signal 9); probably the machine ran"
    " out of memory"
)


@pytest.fixture(
    autouse=True,
    params=[("en", "zh-hans"), ("zh-hans", "en")],
    ids=lambda pair: pair[0],
)
def _mail(request: pytest.FixtureRequest, settings: Any) -> Any:
    """Somebody who is told everything; a page in the other language is active."""
    settings.LANGUAGE_CODE, active = request.param
    NotificationChannel.objects.create(
        name="mail", type="email", config={"to": ["a@example.org"]}, priority=1
    )
    with override(active):
        yield


def told(*names: str) -> list[Notification]:
    """Return all rows, each of which was looked at for foreign words."""
    rows = list(Notification.objects.order_by("id"))
    for row in rows:
        words_check(row.metadata["context"], *names)
    return rows


def wanted() -> Row:
    """Return a strategy that shall run."""
    strategy = demo()
    strategy_start(strategy.pk)
    return strategy


@pytest.mark.parametrize("status", [Status.RUNNING, Status.STOPPED])
def test_a_strategy_that_was_given_up(status: str) -> None:
    strategy = wanted()
    failed(strategy.pk, REASON)
    chinese = Alert.objects.get().context["words"]["zh-hans"]["body"]
    assert "内存" in chinese
    Strategy.objects.filter(pk=strategy.pk).update(status=status)
    alarms_tell(Outcome({}), NOW)
    assert len(told(strategy.name)) == 2


def note(kind: str, code: str = "stale", **changes: Any) -> Note:
    """Return a note about the strategy ``ema``."""
    values = {
        "pair": "BTC/USDT",
        "minutes": 5,
        "count": 2,
        "pairs": 3,
        "name": "binance",
    }
    plain: dict[str, Any] = {
        "priority": "P0",
        "since": NOW - timedelta(minutes=7),
        "values": values | {"members": 4, "reason": REASON},
        "name": "ema",
        "strategy_ids": (7,),
    }
    return Note(kind=kind, code=code, **(plain | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"code": "error_state"},
        {"code": "exchange:binance", "name": "", "names": ("ema", "macd")},
        {"code": "supervisor", "name": "", "names": ("ema", "macd")},
        {"code": "proxy:binance", "name": ""},
    ],
)
def test_an_alarm_and_its_end(changes: dict[str, Any]) -> None:
    code = str(changes.get("code", "stale"))
    alarms = {7: {code: {"told": True}}}
    raised = Outcome(alarms, (note("raised", **changes),))
    alarms_tell(raised, NOW)
    alarms_tell(Outcome({}, (note("well", **changes),)), NOW + timedelta(minutes=5))
    rows = told("ema", "macd", "binance", "BTC/USDT")
    assert [row.metadata["context"]["alert_state"] for row in rows] == [
        "raised",
        "resolved",
    ]


def test_an_alarm_whose_strategy_is_not_watched_any_more() -> None:
    alarms = {7: {"stale": {"told": True}}}
    alarms_tell(Outcome(alarms, (note("raised"),)), NOW)
    alarms_tell(Outcome({}), NOW + timedelta(minutes=5))
    assert len(told("ema", "BTC/USDT")) == 2


def upgrade(status: str) -> FreqtradeUpgrade:
    """Return an upgrade as it is stored."""
    return FreqtradeUpgrade.objects.create(
        from_version="2026.1",
        to_version="2026.2",
        upgrade_type="upgrade",
        status=status,
    )


@pytest.mark.parametrize(
    ("status", "step"),
    [
        ("completed", {"code": "completed", "count": 3}),
        ("failed", {"code": "nothing_fits"}),
        ("rolled_back", {"code": "back_crashes", "name": "ema", "problem": REASON}),
    ],
)
def test_an_upgrade_that_begins_and_ends(status: str, step: dict[str, Any]) -> None:
    row = upgrade("pending")
    tell_started(row)
    row.status = status
    tell_ended(row, step_add(row, **step))
    assert [each.message_type for each in told("ema")] == [
        "system",
        "alert" if status == "rolled_back" else "system",
    ]
    assert all(each.content for each in told("ema"))


def test_a_sentence_that_is_not_in_the_log_is_told_as_it_is() -> None:
    row = upgrade("failed")
    tell_ended(row, "boom")
    assert told("boom")[0].content.endswith("boom")
