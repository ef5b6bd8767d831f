"""The record of the processes that run strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.utils import timezone

from notifications.messages import storable
from strategies.models import Status, StrategyProcess
from strategies.services.health import jsonb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

REASON_LENGTH = 500


def process_started(
    strategy_id: int,
    *,
    details: Mapping[str, Any],
    pid: int | None = None,
    create_time: float | None = None,
) -> StrategyProcess:
    """Record a process for a strategy: before it starts, without pid and creation time.

    ``details`` hold the mark of the start under ``run``, by which it can be found.
    """
    known = {} if create_time is None else {"create_time": create_time}
    return StrategyProcess.objects.create(
        strategy_id=strategy_id,
        pid=pid,
        status=Status.STARTING,
        resource_usage={**known, **details},
    )


def process_known(
    process_id: int, *, pid: int, create_time: float, origin: str | None = None
) -> None:
    """Record which process a recorded start became.

    ``origin`` names it whatever happens to the machine's clock.
    """
    known = {"create_time": create_time} | ({"origin": origin} if origin else {})
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE strategy_processes SET pid = %s, last_heartbeat = now(),"
            " resource_usage = resource_usage || %s::jsonb WHERE id = %s",
            [pid, jsonb(known), process_id],
        )


def process_seen(process_id: int, *, status: str, rss_mb: float) -> None:
    """Record that a process is alive."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE strategy_processes SET status = %s, last_heartbeat = now(),"
            " resource_usage = resource_usage || jsonb_build_object('rss_mb', %s::numeric)"
            " WHERE id = %s",
            [status, round(rss_mb, 1), process_id],
        )


@transaction.atomic
def process_stopped(
    process_id: int, *, status: str, reason: str, moment: datetime | None = None
) -> None:
    """Record that a process has ended, with the reason in words; no row is no error."""
    rows = StrategyProcess.objects.select_for_update()
    process = rows.filter(pk=process_id).first()
    if process is None:
        return
    process.status = status
    process.stop_time = moment or timezone.now()
    process.resource_usage["reason"] = storable(reason)[:REASON_LENGTH]
    process.save(update_fields=["status", "stop_time", "resource_usage"])
