"""A system with some of everything, so that every page has something to show."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from accounts.facts import RequestFacts
from accounts.models import User
from accounts.services import token_create
from freqtrade_mgmt.models import FreqtradeVersion
from monitoring.backups.services import backup_make
from monitoring.heartbeats.store import Identity, beat_write
from monitoring.metrics.round import metrics_write
from monitoring.metrics.shapes import Measurement
from monitoring.models import ErrorLog
from monitoring.schedules.services import schedules_seed
from notifications.dispatch import alert_raise
from notifications.models import Notification, NotificationChannel
from notifications.saying import Words
from notifications.services import channel_create, silence_create
from proxies.models import Proxy
from signals_app.history.saved import filter_save
from strategies.models import Strategy
from tests.freqtrade_mgmt.candle_bot import CandleBot, walk
from tests.freqtrade_mgmt.candle_bot import running as answering
from tests.freqtrade_mgmt.version_world import NEW, NEXT, OLD, installed, upgrading
from tests.freqtrade_mgmt.version_world import release as released
from tests.proxies.fakes import history, proxy_row
from tests.signals_app.outcome_rows import judged, path, stored
from tests.strategies.factories import draft, tried
from tests.strategies.pages import made, put, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from uuid import UUID

    from pytest_django import Settings

PAIRS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
TOKEN = "123456:AAfake-Token_of-a-Bot-0123456789"


@contextlib.contextmanager
def furnished(home: Path, settings: Settings, name: str) -> Iterator[dict[str, object]]:
    """Make the rows, and a bot that answers; give what stands in addresses of pages.

    The keys are the beginnings of routes up to the variable part, such as
    ``strategies/``. ``home`` is the BTCW_HOME of the server that shows the pages, ``name``
    the account of the person who looks.
    """
    settings.BTCW_HOME = home
    settings.BACKUP_FOLDER = str(home / "backups")
    found = strategies_make()
    strategy = Strategy.objects.get(name="ema cross")
    bot = CandleBot(strategy.pk, timeframe="5m")
    bot.candles = {pair: walk(300, "5m") for pair in strategy.config["pairs"]}
    with answering(bot):
        bot.write_folder(home)
        found["signals/"] = signals_make(strategy, bot)[0]
        found |= notifications_make() | proxies_make() | releases_make(home)
        found |= operations_make() | account_make(name) | {"docs/": "operate"}
        yield found


def strategies_make() -> dict[str, object]:
    """One of each state, a draft that was tried, and one with versions."""
    values = {"count": 1, "minutes": 5, "words": "The exchange did not answer."}
    reason = {"code": "errors", "values": values, "cost": 16}
    strategy = running("ema cross", score=84, level="fair", reasons=[reason])
    for number, status in enumerate(("stopped", "error", "starting")):
        put(made(f"a strategy number {number}"), status, reason="It ended with code 2.")
    return {
        "strategies/": strategy.pk,
        "strategies/drafts/": tried(draft("sketch")).pk,
    }


def signals_make(strategy: Strategy, bot: CandleBot) -> Sequence[UUID]:
    """Signals of every type and level on the bot's candles, with outcomes of some."""
    rows = [
        {
            "strategy_id": strategy.pk,
            "strategy_name": strategy.name,
            "timeframe": "5m",
            "pair": PAIRS[number % len(bot.candles)],
            "signal_type": ("BUY", "SELL", "HOLD")[number % 3],
            "mark": ("enter_long", "exit_long", "enter_long")[number % 3],
            "strength": 10.0 + number * 7,
            "timestamp": datetime.fromtimestamp(candle[0] / 1000, UTC)
            + timedelta(minutes=5),
            "price": candle[4],
        }
        for number, candle in enumerate(bot.candles[PAIRS[0]][-13:-1])
    ]
    ids = stored(*rows)
    # Nobody asks what came of a HOLD.
    judged(ids[0:6:3], path(63_210.5, 0.5, 1.25))
    judged(ids[1:7:3], path(63_210.5, -0.5))
    return ids


def notifications_make() -> dict[str, object]:
    """Channels, messages in every state, a silence and alerts."""
    now = timezone.now()
    channel = channel_create(
        name="trading room",
        type="telegram",
        config={"token": TOKEN, "chat_id": "-100123"},
    )
    NotificationChannel.objects.create(name="desk", type="feishu", status="error")
    states = ("sent", "failed", "retry", "pending")
    rows = [
        Notification.objects.create(
            channel=channel,
            channel_type="telegram",
            message_type="signal",
            content=f"BUY P{n}/USDT strong 91\nema cross v1.0",
            status=state,
            error_message="HTTP 502" if state == "failed" else None,
            sent_at=now - timedelta(minutes=20 * n + 1),
            metadata={"priority": f"P{n % 3}", "title": f"BUY P{n}/USDT strong 91"},
        )
        for n, state in enumerate(states)
    ]
    silence = silence_create(
        matcher={},
        reason="The exchange is under maintenance.",
        by="mei",
        starts_at=now - timedelta(minutes=5),
        ends_at=now + timedelta(hours=1),
    )
    for key in ("machine:disk", "proxy:1"):
        alert_raise(
            key=key,
            priority="P1",
            words=lambda: Words("A disk is nearly full", "a, /: 97 %\nMake room."),
            now=now - timedelta(hours=2),
        )
    return {
        "notifications/": rows[1].pk,
        "notifications/channels/": channel.pk,
        "notifications/silences/": silence.pk,
    }


def proxies_make() -> dict[str, object]:
    """A proxy that is well, with a history, and one that is not."""
    proxy = proxy_row(1080, "socks5", name="tokyo")
    history(proxy, "+++-++--++", newest=timezone.now())
    Proxy.objects.filter(pk=proxy.pk).update(status="healthy")
    Proxy.objects.create(
        name="osaka",
        host="127.0.0.1",
        port=1081,
        type="http",
        status="unhealthy",
        performance_metrics={"last_failure": "refused"},
    )
    return {"proxies/": proxy.pk}


def releases_make(home: Path) -> dict[str, object]:
    """Releases, installed and not, and an upgrade that is under way."""
    released(NEXT)
    for version in (OLD, NEW):
        installed(home, version)
    assert FreqtradeVersion.objects.filter(is_installed=True).count() == 2
    running_now = list(Strategy.objects.filter(status="running"))
    return {
        "freqtrade/": OLD,
        "freqtrade/operations/": upgrading(running_now).pk,
    }


def operations_make() -> dict[str, object]:
    """Processes, figures, errors, schedules and a backup."""
    now = timezone.now()
    schedules_seed()
    beat_write(Identity("box", "worker", "urgent", 4711, 1.0), {})
    for ago in range(6):
        figures = [
            Measurement("host", "cpu", "cpu", 20.0 + ago, "percent", "box"),
            Measurement("worker", "memory", "memory", 150.0, "MB", "box"),
        ]
        metrics_write(figures, now - timedelta(seconds=30 * ago))
    ErrorLog.objects.create(
        level="ERROR",
        component="worker",
        message="The bot did not answer.",
        stack_trace="Traceback (most recent call last):\n  ...",
        context={"count": 3},
    )
    backup = backup_make(trial=False)
    return {"system/backups/": backup.name, "system/partitions/": "signals"}


def account_make(name: str) -> dict[str, object]:
    """A token and a saved filter of the person who looks."""
    user: Any = User.objects.get(username=name)
    row, _token = token_create(
        user=user, facts=RequestFacts("127.0.0.1", "curl/8"), days=30, name="reports"
    )
    kept, _new = filter_save(user_id=user.pk, name="strong ones", query="level=strong")
    return {"profile/sessions/": row.pk, "signals/filters/": kept.pk}
