"""The row of an upgrade or downgrade: its state and the log of its steps."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.upgrades.plan import Operation, Stage
from freqtrade_mgmt.upgrades.words import english

if TYPE_CHECKING:
    from django.db.models import QuerySet

logger = logging.getLogger(__name__)

OPEN = (FreqtradeUpgrade.Status.PENDING, FreqtradeUpgrade.Status.IN_PROGRESS)
KINDS = (FreqtradeUpgrade.Type.UPGRADE, FreqtradeUpgrade.Type.DOWNGRADE)
SAVED = (
    "status",
    "from_version",
    "completed_at",
    "error_message",
    "backup_path",
    "migration_log",
)


def operations() -> QuerySet[FreqtradeUpgrade]:
    """Return every upgrade and downgrade, also those that only check."""
    return FreqtradeUpgrade.objects.filter(upgrade_type__in=KINDS)


def operation_locked(upgrade_id: int) -> FreqtradeUpgrade | None:
    """Return an operation, locked until the transaction ends."""
    return operations().select_for_update().filter(pk=upgrade_id).first()


def step_add(row: FreqtradeUpgrade, code: str, **data: Any) -> str:
    """Add a step to an operation's log and return its sentence; the caller saves.

    The versions are known to every sentence as ``from`` and ``to``.
    """
    data = storable({"from": row.from_version, "to": row.to_version, **data})
    words = english(code, data)
    moment = timezone.now().isoformat()
    log = row.migration_log
    log["steps"] = [
        *(log.get("steps") or []),
        {"at": moment, "step": code, "words": words, "data": data},
    ]
    logger.info("freqtrade %s: %s", row, words)
    return words


def saved(row: FreqtradeUpgrade) -> None:
    """Store what an operation's row may change."""
    row.migration_log = storable(row.migration_log)
    row.save(update_fields=SAVED)


def storable(value: Any) -> Any:
    """Return a JSON value without zeros in its texts: the database refuses them.

    A strategy may have printed them, and its words are stored.
    """
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {storable(key): storable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [storable(each) for each in value]
    return value


def ended(row: FreqtradeUpgrade, status: str, error: str = "") -> None:
    """Give an operation its last state, and store it."""
    row.status = status
    row.completed_at = timezone.now()
    row.error_message = error or None
    saved(row)


def operation_of(row: FreqtradeUpgrade) -> Operation:
    """Return an operation as the planner knows it."""
    log = row.migration_log
    return Operation(
        id=row.pk,
        stage=Stage(log.get("stage") or Stage.CHECK),
        from_version=row.from_version or "",
        to_version=row.to_version,
        canary=log.get("canary"),
        order=tuple(log.get("order") or ()),
        moved=frozenset(log.get("moved") or ()),
        proven=frozenset(log.get("proven") or ()),
        back=frozenset(log.get("back") or ()),
        returned=frozenset(log.get("returned") or ()),
        moved_at=moment_of(log.get("moved_at")),
        watch_until=moment_of(log.get("watch_until")),
        watched=bool(log.get("watched")),
        returned_at=moment_of(log.get("returned_at")),
        stop=str((log.get("stop") or {}).get("who") or ""),
    )


def moment_of(text: object) -> datetime | None:
    """Return a stored moment."""
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None
