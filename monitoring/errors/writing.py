"""Writes reports over a connection of its own: no pool, no transaction of a caller."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.types.json import Jsonb

from btc_watcher.lib.processes import process_kind, process_name
from monitoring.errors.reading import Report, cleaned

if TYPE_CHECKING:
    from collections.abc import Iterable

CONNECT_SECONDS: Final = 2
# Waiting for a lock or a disk must not keep a process from ending.
OPTIONS: Final = "-c jit=off -c statement_timeout=5000 -c lock_timeout=2000"
# What was resolved while the clock was ahead would otherwise stay so until it catches up.
AFTER: Final = """(excluded.timestamp > known.resolved_at
        OR known.resolved_at > clock_timestamp() + interval '5 minutes')"""
# One row a group. What happened after it was resolved opens it again, and is told anew.
UPSERT: Final = """
INSERT INTO error_logs AS known
    (timestamp, level, component, message, stack_trace, context)
VALUES (%(last)s, %(level)s, %(component)s, %(message)s, %(stack)s,
    %(context)s || jsonb_build_object('fingerprint', %(fingerprint)s::text,
        'count', %(count)s::bigint, 'first_seen', %(first)s::timestamptz,
        'last_seen', %(last)s::timestamptz))
ON CONFLICT ((context ->> 'fingerprint')) WHERE (context ? 'fingerprint') DO UPDATE SET
    timestamp = GREATEST(known.timestamp, excluded.timestamp),
    message = excluded.message,
    stack_trace = COALESCE(excluded.stack_trace, known.stack_trace),
    context = CASE WHEN known.resolved AND AFTER
        THEN known.context - 'told_at' || jsonb_build_object('reopened_at',
            excluded.timestamp, 'reopened', COALESCE((known.context ->> 'reopened')::int, 0) + 1)
        ELSE known.context END
        || excluded.context || jsonb_build_object(
        'count', COALESCE((known.context ->> 'count')::bigint, 0) + %(count)s::bigint,
        'first_seen', LEAST((known.context ->> 'first_seen')::timestamptz, %(first)s::timestamptz),
        'last_seen', GREATEST(known.timestamp, excluded.timestamp)),
    resolved = known.resolved AND NOT AFTER,
    resolved_at = CASE WHEN NOT AFTER THEN known.resolved_at END
""".replace("AFTER", AFTER)


class WriteError(Exception):
    """The database could not be written to; ``done`` are the fingerprints that were."""

    def __init__(self, done: set[str]) -> None:
        super().__init__("The database is away.")
        self.done = done


def reports_write(reports: Iterable[Report]) -> int:
    """Write each report; return how many the database refused for what they hold.

    Raises WriteError when the database does not answer.
    """
    done: set[str] = set()
    refused = 0
    try:
        with psycopg.connect(**_parameters(), autocommit=True) as connection:
            # In one order everywhere, so that two processes never wait for each other.
            for report in sorted(reports, key=lambda each: each.fingerprint):
                if not _write(connection, report):
                    refused += report.count
                done.add(report.fingerprint)
    except psycopg.Error:
        # Not chained: the address of the server stands in it.
        raise WriteError(done) from None
    return refused


def _write(connection: psycopg.Connection[Any], report: Report) -> bool:
    """Write one; False for what can never be: the others must not wait for it."""
    try:
        connection.execute(UPSERT, _values(cleaned(report)))
    except (psycopg.DataError, psycopg.IntegrityError):
        return False
    except psycopg.Error:
        raise
    # A record may hold anything, such as a moment of no calendar.
    except Exception:  # noqa: BLE001
        return False
    return True


def dropped_report(dropped: int, now: float) -> Report:
    """Return the report that others were dropped; they are its count."""
    return Report(
        fingerprint=f"dropped:{process_kind()}",
        level="WARNING",
        component="monitoring",
        message="Errors came faster than they can be stored, or while the database was"
        " away. The count is of those that are in the log of the process only.",
        stack=None,
        first=now,
        last=now,
        count=dropped,
        context={
            "logger": __name__,
            "process": process_kind(),
            "from": process_name(),
        },
    )


def _parameters() -> dict[str, Any]:
    wrapper = connections[DEFAULT_DB_ALIAS]
    parameters = dict(wrapper.get_connection_params())
    for ours in ("cursor_factory", "context"):
        parameters.pop(ours, None)
    return parameters | {
        "connect_timeout": CONNECT_SECONDS,
        "options": OPTIONS,
        "application_name": "btc_watcher errors",
    }


def _values(report: Report) -> dict[str, object]:
    return {
        "fingerprint": report.fingerprint,
        "level": report.level,
        "component": report.component,
        "message": report.message,
        "stack": report.stack,
        "count": report.count,
        "context": Jsonb(report.context),
        "first": datetime.fromtimestamp(report.first, UTC),
        "last": datetime.fromtimestamp(report.last, UTC),
    }
