"""Writing the record of an operation: installations here, upgrades alike.

``migration_log`` holds {"steps": [{"at", "step", "words", "data"}], "progress":
{"bytes", "total", "step", "percent"}, "owner": {"pid", "create_time", "origin", "mark"},
"cancel": bool} and whatever the operation was asked with. Every write takes the row's
lock, so a cancellation and a step at one moment do not undo each other.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils import timezone

from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.versions.words import step_words

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

Status = FreqtradeUpgrade.Status
Type = FreqtradeUpgrade.Type
OPEN: Final = (Status.PENDING, Status.IN_PROGRESS)
# Of one operation; an upgrade of a hundred strategies has some hundreds.
MOST_STEPS: Final = 2_000


def step_of(code: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return one step as it is stored."""
    return {
        "at": timezone.now().isoformat(),
        "step": code,
        "words": step_words(code, data),
        "data": dict(data),
    }


@transaction.atomic
def operation_take(
    operation_id: int, owner: Mapping[str, Any], *, seen: Mapping[str, Any] | None
) -> FreqtradeUpgrade | None:
    """Make ``owner`` the one who carries an operation out; None when it may not be.

    ``seen`` is the owner that the caller found dead, or None for an operation that is
    pending: whoever asks second, with the same knowledge, gets None.
    """
    row = _locked(operation_id)
    if row is None or row.status not in OPEN or row.migration_log.get("owner") != seen:
        return None
    taken_over = row.status == Status.IN_PROGRESS
    row.status = Status.IN_PROGRESS
    row.migration_log["owner"] = dict(owner)
    _append(row, "taken_over" if taken_over else "begun", {})
    row.save(update_fields=["status", "migration_log"])
    return row


@transaction.atomic
def operation_step(
    operation_id: int,
    code: str,
    data: Mapping[str, Any],
    progress: Mapping[str, Any] | None = None,
) -> None:
    """Add a step to the log, and say how far the operation is."""
    row = _locked(operation_id)
    if row is None:
        return
    _append(row, code, data)
    if progress is not None:
        row.migration_log["progress"] = dict(progress)
    row.save(update_fields=["migration_log"])


@transaction.atomic
def operation_finish(
    operation_id: int,
    status: str,
    code: str,
    data: Mapping[str, Any] | None = None,
    *,
    error: str | None = None,
) -> None:
    """Record the end of an operation; one that has ended already stays as it is."""
    row = _locked(operation_id)
    if row is None or row.status not in OPEN:
        return
    _append(row, code, data or {})
    row.status = status
    row.error_message = error
    row.completed_at = timezone.now()
    row.migration_log.pop("owner", None)
    progress = row.migration_log.get("progress") or {}
    percent = 100 if status == Status.COMPLETED else progress.get("percent")
    row.migration_log["progress"] = {**progress, "step": code, "percent": percent}
    row.save(update_fields=["status", "error_message", "completed_at", "migration_log"])


@transaction.atomic
def operation_requeue(operation_id: int, code: str) -> None:
    """Put an operation that was interrupted back to pending."""
    row = _locked(operation_id)
    if row is None or row.status != Status.IN_PROGRESS:
        return
    _append(row, code, {})
    row.status = Status.PENDING
    row.migration_log.pop("owner", None)
    row.save(update_fields=["status", "migration_log"])


@transaction.atomic
def operation_cancel_ask(operation_id: int) -> str | None:
    """Ask for the end of an operation; return its status then, None without one.

    One that is pending ends at once.
    """
    row = _locked(operation_id)
    if row is None:
        return None
    if row.status == Status.PENDING:
        operation_finish(operation_id, Status.FAILED, "cancelled", error=CANCELLED)
        return Status.FAILED
    if row.status == Status.IN_PROGRESS:
        row.migration_log["cancel"] = True
        row.save(update_fields=["migration_log"])
    return str(row.status)


CANCELLED: Final = "It was cancelled."


def operation_cancelled(operation_id: int) -> bool:
    """Tell whether somebody asked for the end of an operation."""
    asked = FreqtradeUpgrade.objects.filter(pk=operation_id, migration_log__cancel=True)
    return asked.exists()


def _locked(operation_id: int) -> FreqtradeUpgrade | None:
    rows = FreqtradeUpgrade.objects.select_for_update(no_key=True)
    return rows.filter(pk=operation_id).first()


def _append(row: FreqtradeUpgrade, code: str, data: Mapping[str, Any]) -> None:
    steps = row.migration_log.setdefault("steps", [])
    steps.append(step_of(code, data))
    del steps[:-MOST_STEPS]
