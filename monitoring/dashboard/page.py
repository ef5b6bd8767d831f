"""Everything that the dashboard shows, each part by itself."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from freqtrade_mgmt.selectors import current_version
from monitoring.dashboard import sources
from monitoring.dashboard.drawing import bars_of, lines_of, segments_of
from monitoring.dashboard.guard import Guard
from monitoring.dashboard.items import attention_of
from monitoring.database.outbox import outbox_waiting
from monitoring.health import health as system_health
from monitoring.metrics.now import machines_of
from monitoring.metrics.reading import newest
from notifications.history import HistoryFilter, notifications_page
from notifications.selectors import channels_enabled
from notifications.shown import shown
from signals_app.days import signals_of_day
from strategies.lifecycle import WANTED_UP
from strategies.rows import row_of
from strategies.selectors import strategies_listed
from strategies.shown import LABELS, ORDER

if TYPE_CHECKING:
    from datetime import datetime

    from strategies.rows import StrategyRow

NOTICES: Final = 6
NOTICES_SINCE: Final = timedelta(days=7)
# Clocks differ: what closes in the next minutes is of today as well.
AHEAD: Final = timedelta(minutes=2)
COMPONENTS: Final = {
    "database": gettext_lazy("Database"),
    "redis": "Redis",
    "supervisor": gettext_lazy("Supervisor"),
    "worker": gettext_lazy("Worker"),
    "partitions": gettext_lazy("Partitions"),
}
WORDS: Final = {
    "ok": gettext_lazy("well"),
    "idle": gettext_lazy("not needed"),
    "warning": gettext_lazy("look at it"),
    "stale": gettext_lazy("stopped"),
    "absent": gettext_lazy("does not run"),
    "late": gettext_lazy("behind"),
    "failed": gettext_lazy("cannot be reached"),
    "timeout": gettext_lazy("does not answer"),
    "unknown": pgettext_lazy("component", "unknown"),
}
TONES: Final = {"ok": "ok", "idle": "", "warning": "warning", "unknown": "warning"}
PARTS: Final = {
    "alerts": gettext_lazy("Alerts"),
    "strategies": gettext_lazy("Strategies"),
    "channels": gettext_lazy("Channels"),
    "proxies": gettext_lazy("Proxies"),
    "outbox": gettext_lazy("Late notifications"),
    "backups": gettext_lazy("Backups"),
}


def dashboard(now: datetime, *, staff: bool) -> dict[str, Any]:
    """Return the context of the page; a part that failed is None and in ``failed``."""
    guard = Guard()
    words = system_health.report()
    rows = guard.part("strategies", lambda: _rows(now))
    day = guard.part("signals", lambda: signals_today(now))
    context = {
        "now": now,
        "zone": timezone.get_current_timezone_name(),
        "attention": _attention(guard, words, rows, now, staff=staff),
        "components": [_component(name, words[name]) for name in COMPONENTS],
        "machines": guard.part("machines", lambda: machines_of(newest(now))),
        "waiting": guard.part("waiting", lambda: outbox_waiting(now)),
        "states": None if rows is None else _states(rows),
        "strategies": None if rows is None else _strategies(rows),
        "day": day,
        "notices": guard.part("notices", lambda: _notices(now)),
        "steps": guard.part("steps", lambda: _steps(rows or [])),
    }
    # What is not seen might be wrong: the list says which parts it does not know.
    context["unseen"] = [str(PARTS[each]) for each in guard.failed if each in PARTS]
    return context


def signals_today(now: datetime) -> dict[str, Any]:
    """Return the signals since midnight in the active zone: table, bars and totals."""
    midnight = timezone.localtime(now).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    found = signals_of_day(midnight, now + AHEAD)
    return {
        "lines": lines_of(found),
        "bars": bars_of(found, now),
        "total": found.total,
        "strong": sum(
            count
            for (_kind, level), count in found.by_kind().items()
            if level == "strong"
        ),
    }


def _attention(
    guard: Guard,
    words: dict[str, str],
    rows: list[StrategyRow] | None,
    now: datetime,
    *,
    staff: bool,
) -> Any:
    alerts = guard.part("alerts", lambda: sources.alert_items(now, staff=staff))
    others = [
        sources.health_items(words),
        sources.strategy_items(rows or []),
        guard.part("channels", sources.channel_items),
        guard.part("proxies", sources.proxy_items),
        guard.part("outbox", lambda: sources.late_items(now)),
        guard.part(
            "backups",
            lambda: sources.backup_items(now, staff=staff),
            asks_database=False,
        ),
    ]
    return attention_of(alerts or [], [item for part in others for item in part or ()])


def _rows(now: datetime) -> list[StrategyRow]:
    return [row_of(listed, now) for listed in strategies_listed()]


def _component(name: str, word: str) -> dict[str, str]:
    return {
        "key": name,
        "label": str(COMPONENTS[name]),
        "word": str(WORDS.get(word, word)),
        "tone": TONES.get(word, "error"),
    }


def _states(rows: list[StrategyRow]) -> Any:
    counts = Counter(row.shown.state for row in rows)
    return segments_of(
        (state, str(LABELS[state]), counts[state], f"?state={state}") for state in ORDER
    )


def _strategies(rows: list[StrategyRow]) -> dict[str, Any]:
    return {
        "total": len(rows),
        "running": sum(row.shown.state == "running" for row in rows),
        "wanted": sum(row.shown.state not in ("stopped", "stopping") for row in rows),
        "live": sum(row.live for row in rows),
    }


def _notices(now: datetime) -> Any:
    wanted = HistoryFilter(since=now - NOTICES_SINCE, until=now + AHEAD)
    found, more = notifications_page(wanted, size=NOTICES)
    return {"rows": [shown(row) for row in found], "more": more is not None}


def _steps(rows: list[StrategyRow]) -> list[dict[str, Any]]:
    """Return the three steps to the first signal; nothing once all are done."""
    ready = current_version() is not None
    started = any(row.shown.state in WANTED_UP for row in rows) or any(
        row.shown.urgent for row in rows
    )
    steps = [
        {
            "key": "freqtrade",
            "done": ready,
            "title": _("Install freqtrade"),
            "text": _("It analyses the candles. One version is enough to begin with."),
            "url": "freqtrade_mgmt:versions",
            "action": _("To the versions"),
        },
        {
            "key": "strategy",
            "done": started,
            "title": _("Make a strategy and start it"),
            "text": _("Begin with a template; it only watches, it does not trade."),
            "url": "strategies:list" if rows else "freqtrade_mgmt:new",
            "action": _("To the strategies") if rows else _("New strategy"),
        },
        {
            "key": "channel",
            "done": bool(channels_enabled()),
            "title": _("Say where signals go"),
            "text": _("Telegram, Feishu, WeChat, email, SMS: set one up and test it."),
            "url": "notifications:channel_new",
            "action": _("New channel"),
        },
    ]
    if all(step["done"] for step in steps):
        return []
    first = next(step for step in steps if not step["done"])
    return [step | {"next": step is first} for step in steps]
