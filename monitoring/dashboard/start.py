"""What operators see above the list of tables: how the system is, in a few questions."""

from __future__ import annotations

import platform
from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import django
from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from btc_watcher.lib.partitions import TABLES, has_strays, month_start
from freqtrade_mgmt.selectors import current_version
from monitoring.backups.selectors import backups_summary
from monitoring.cache import redis_info
from monitoring.dashboard import sources
from monitoring.dashboard.guard import Guard
from monitoring.dashboard.items import attention_of
from monitoring.dashboard.page import COMPONENTS, TONES, WORDS
from monitoring.database.outbox import outbox_waiting
from monitoring.errors.selectors import errors_open_count
from monitoring.health import health as system_health
from strategies.models import Status
from strategies.selectors import strategies_all

if TYPE_CHECKING:
    from datetime import datetime

SHOWN: Final = 6
ERRORS_SINCE: Final = timedelta(days=7)
# The longest that a good backup is from the one before, and some.
BACKUP_IS_OLD: Final = timedelta(hours=26)
# Months are made three ahead; with one left somebody should look.
MONTHS_AHEAD: Final = 1
STATES: Final = ("error", "running", "starting", "stopping", "stopped")
STATE_TONES: Final = {"error": "error", "running": "ok", "starting": "warning"}
PARTS: Final = {
    "alerts": gettext_lazy("Alerts"),
    "strategies": gettext_lazy("Strategies"),
    "channels": gettext_lazy("Channels"),
    "proxies": gettext_lazy("Proxies"),
    "outbox": gettext_lazy("Late notifications"),
    "backups": gettext_lazy("Backups"),
    "partitions": gettext_lazy("Partitions"),
    "errors": gettext_lazy("Errors"),
    "versions": gettext_lazy("Versions"),
    "redis": "Redis",
    "waiting": pgettext_lazy("dashboard", "Notifications that wait"),
}
_MONTHS: Final = """
SELECT top.relname, max(part.relname) FROM pg_inherits
  JOIN pg_class top ON top.oid = inhparent
  JOIN pg_class part ON part.oid = inhrelid
 WHERE top.relnamespace = current_schema()::regnamespace AND top.relname = ANY(%s)
   AND part.relname ~ '_[0-9]{4}_[0-9]{2}$'
 GROUP BY top.relname
"""


def admin_start(now: datetime) -> dict[str, Any]:
    """Return the context of the part; what failed is None and named in ``unseen``.

    Some thirty short statements however large the tables are.
    """
    guard = Guard()
    words = system_health.report()
    context = {
        "now": now,
        "components": [_component(name, words[name]) for name in COMPONENTS],
        "states": guard.part("strategies", _states),
        "attention": _attention(guard, words, now),
        "waiting": guard.part("waiting", lambda: outbox_waiting(now)),
        "errors": guard.part("errors", lambda: _errors(now)),
        "partitions": guard.part("partitions", lambda: _partitions(now)),
        "backup": guard.part("backups", lambda: _backup(now), asks_database=False),
        "versions": _versions(guard, words),
    }
    return context | {
        "unseen": [str(PARTS[name]) for name in dict.fromkeys(guard.failed)]
    }


def _component(name: str, word: str) -> dict[str, str]:
    return {
        "label": str(COMPONENTS[name]),
        "word": str(WORDS.get(word, word)),
        "tone": TONES.get(word, "error"),
    }


def _states() -> list[dict[str, Any]]:
    found = Counter(strategies_all().order_by().values_list("status", flat=True))
    where = reverse("admin:strategies_strategy_changelist")
    return [
        {
            "label": Status(state).label,
            "count": found[state],
            "tone": STATE_TONES.get(state, ""),
            "url": f"{where}?status__exact={state}",
        }
        for state in STATES
        if found[state]
    ]


def _attention(guard: Guard, words: dict[str, str], now: datetime) -> dict[str, Any]:
    alerts = guard.part("alerts", lambda: sources.alert_items(now, staff=True))
    others = [
        sources.health_items(words),
        guard.part("channels", sources.channel_items),
        guard.part("proxies", sources.proxy_items),
        guard.part("outbox", lambda: sources.late_items(now)),
        guard.part(
            "backups",
            lambda: sources.backup_items(now, staff=True),
            asks_database=False,
        ),
    ]
    found = attention_of(alerts or [], [item for part in others for item in part or ()])
    return {"items": found.items[:SHOWN], "more": max(0, found.total - SHOWN)}


def _errors(now: datetime) -> dict[str, Any]:
    counts = errors_open_count(since=now - ERRORS_SINCE)
    serious = sum(counts.get(level, 0) for level in ("ERROR", "CRITICAL"))
    return {"serious": serious, "warnings": counts.get("WARNING", 0)}


def _partitions(now: datetime) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS, [[table.name for table in TABLES]])
        newest = dict(cursor.fetchall())
    months = [_month(newest.get(table.name, "")) for table in TABLES]
    until = min((month or date.min for month in months), default=date.min)
    return {
        "tables": len(TABLES),
        "until": None if until == date.min else until,
        "strays": [table.name for table in TABLES if has_strays(table)],
        "is_short": until < month_start(now.date(), MONTHS_AHEAD),
    }


def _month(name: str) -> date | None:
    year, _line, month = name[-7:].partition("_")
    return date(int(year), int(month), 1) if year.isdecimal() else None


def _backup(now: datetime) -> dict[str, Any]:
    found = backups_summary(now)
    good = found["good_at"]
    return found | {"is_old": good is None or now - good > BACKUP_IS_OLD}


def _versions(guard: Guard, words: dict[str, str]) -> list[tuple[str, str]]:
    found = [("Python", platform.python_version()), ("Django", django.get_version())]
    found += guard.part("versions", _of_database) or []
    if words["redis"] == "ok":
        found += guard.part("redis", _of_redis, asks_database=False) or []
    return found


def _of_database() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (server,) = cursor.fetchone() or ("",)
    return [
        # Distributions put their own name behind the number.
        ("PostgreSQL", str(server).partition(" ")[0]),
        ("freqtrade", current_version() or _("not installed")),
    ]


def _of_redis() -> list[tuple[str, str]]:
    info, _waited = redis_info()
    for name in ("valkey", "redis"):
        if version := info.get(f"{name}_version"):
            return [(name.capitalize(), str(version))]
    return []
