"""The dead man's switch: a service outside hears from us while all is truly well."""

from __future__ import annotations

import logging
from typing import Final

from django.conf import settings
from django.db import connection

from btc_watcher.lib.errors import TransportError
from btc_watcher.lib.outgoing import OutgoingSession, address_shown
from monitoring.health import Health
from monitoring.heartbeats.store import beats_read
from monitoring.heartbeats.telling import limits
from monitoring.heartbeats.watch import WATCHED, is_alive, is_dead

logger = logging.getLogger(__name__)

SECONDS: Final = 30.0
health = Health()


def outside_ping() -> dict[str, str]:
    """Ask BTCW_HEARTBEAT_URL when all is well, its ``/fail`` otherwise when wanted.

    Returns what was ``found`` ("ok", or what is wrong) and what was ``sent`` ("no",
    "ping", "fail" or "lost"). Never raises for a service that does not answer: that it
    hears nothing is what it is there for.
    """
    if not settings.HEARTBEAT_URL:
        return {"found": "", "sent": "no"}
    wrong = what_is_wrong()
    if wrong and not settings.HEARTBEAT_FAIL:
        logger.warning("The service outside is not told that all is well: %s.", wrong)
        return {"found": wrong, "sent": "no"}
    sent = _ask(wrong)
    return {"found": wrong or "ok", "sent": sent}


def what_is_wrong() -> str:
    """Return in words what is not well, "" when everything is."""
    report = health.report()
    bad = [
        f"{name} is {word}"
        for name, word in report.items()
        if name != "status" and word not in ("ok", "idle", "warning")
    ]
    if report.get("database") == "ok":
        bad += _processes_wrong(idle=report.get("supervisor") == "idle")
    return "; ".join(bad)


def _processes_wrong(*, idle: bool) -> list[str]:
    bounds = limits()
    rows = beats_read()
    wrong = [f"{row.role} {row.name} is dead" for row in rows if is_dead(row, bounds)]
    for role in WATCHED:
        needed = not (idle and role == "supervisor")
        if needed and not any(
            row.role == role and is_alive(row, bounds) for row in rows
        ):
            wrong.append(f"no {role} runs")
    # Waiting for the answer must not hold a connection of the pool.
    connection.close()
    return wrong


def address_of(url: str, *, failed: bool) -> str:
    """Return the address to ask: ``/fail`` ends its path, before any ``?``. Pure."""
    path, mark, query = url.partition("?")
    return path.rstrip("/") + ("/fail" if failed else "") + mark + query


def _ask(wrong: str) -> str:
    address = address_of(settings.HEARTBEAT_URL, failed=bool(wrong))
    session = OutgoingSession(proxy=settings.HEARTBEAT_PROXY or None, seconds=SECONDS)
    try:
        # What is wrong goes along: such services show it with the alarm.
        answer = session.call("POST", address, data=wrong.encode())
    except TransportError as error:
        logger.warning("The service outside was not reached: %s", error.message)
        return "lost"
    finally:
        session.close()
    if not answer.ok:
        logger.warning(
            "The service outside (%s) answered %d; check BTCW_HEARTBEAT_URL.",
            address_shown(address),
            answer.status_code,
        )
        return "lost"
    return "fail" if wrong else "ping"
