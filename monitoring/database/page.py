"""Everything that the page of the servers shows; what fails is a sentence, not a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import Error as DatabaseError
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from monitoring.database import cache
from monitoring.database.activity import connections_now, sessions_long
from monitoring.database.bounded import rows_read
from monitoring.database.outbox import outbox_waiting
from monitoring.database.pools import pools_listed
from monitoring.database.samples import columns_of
from monitoring.database.sizes import database_size, strays_counted, tables_sized
from monitoring.database.statements import Statements, statements_slow

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Range:
    """A period of the charts."""

    key: str
    label: StrOrPromise
    length: timedelta


RANGES: Final = (
    Range("3h", gettext_lazy("3 hours"), timedelta(hours=3)),
    Range("12h", gettext_lazy("12 hours"), timedelta(hours=12)),
    Range("48h", gettext_lazy("48 hours"), timedelta(hours=48)),
)
STATEMENTS: Final = 12


@dataclass(slots=True)
class Seen:
    """The answers by name; what could not be had is None and has a problem."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def ask(self, name: str, question: Callable[[], Any]) -> None:
        """Put a question."""
        self.values[name] = None
        try:
            self.values[name] = question()
        except DatabaseError as error:
            self._miss(_("PostgreSQL did not answer (%(error)s)."), error)
        except cache.RedisError as error:
            self._miss(_("Redis did not answer (%(error)s)."), error)

    def _miss(self, words: str, error: Exception) -> None:
        # The text of the error may hold the address of the server.
        told = words % {"error": type(error).__name__}
        if told not in self.problems:
            self.problems.append(told)


def range_of(text: str) -> Range:
    """Return the range that is asked for, the first one by default."""
    return next((each for each in RANGES if each.key == text), RANGES[0])


def page_of(wanted: Range, by: str, now: datetime) -> dict[str, Any]:
    """Return the context of the page: the answers, ``problems`` and ``data`` to draw."""
    seen = Seen()
    seen.ask("version", _version)
    seen.ask("size", database_size)
    seen.ask("connections", connections_now)
    seen.ask("waiting", lambda: outbox_waiting(now))
    seen.ask("redis", cache.redis_state)
    seen.ask("pools", pools_listed)
    seen.ask("sessions", sessions_long)
    seen.ask("tables", tables_sized)
    seen.ask("strays", strays_counted)
    seen.ask("samples", lambda: _since(now - wanted.length))
    samples = seen.values.pop("samples") or []
    statements: Statements = statements_slow(by=by, limit=STATEMENTS)
    return seen.values | {
        "problems": seen.problems,
        "statements": statements,
        "strays": {k: n for k, n in (seen.values["strays"] or {}).items() if n},
        "sampled": len(samples),
        "data": columns_of(samples)
        | {
            "from": round((now - wanted.length).timestamp()),
            "to": round(now.timestamp()),
            "language": get_language() or "en",
            "zone": timezone.get_current_timezone_name(),
            "words": _words(),
        },
    }


def _since(start: datetime) -> list[dict[str, Any]]:
    first = start.timestamp()
    return [each for each in cache.samples_read() if each["at"] >= first]


def _version() -> str:
    (row,) = rows_read("SELECT current_setting('server_version') AS version")
    return str(row["version"]).partition(" ")[0]


def _words() -> dict[str, str]:
    return {
        "time": _("time"),
        "connections": _("open connections"),
        "active": _("working"),
        "pool_used": _("in use by us"),
        "commits": _("transactions per second"),
        "hit": _("found in memory"),
        "size": _("size"),
        "longest": _("oldest transaction"),
        "overdue": _("oldest due notification"),
        "due": _("due notifications"),
        "redis_memory": _("memory"),
        "redis_keys": _("keys"),
        "redis_evicted": _("thrown out per minute"),
    }
