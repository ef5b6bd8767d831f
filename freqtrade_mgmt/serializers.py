"""What the API of releases and operations takes and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rest_framework import serializers

from btc_watcher.lib.api.paging import PageQuery
from freqtrade_mgmt.releases import COLUMN_LENGTH
from freqtrade_mgmt.upgrades.asking import LONGEST_WATCH, WATCH_SECONDS

if TYPE_CHECKING:
    from datetime import datetime

    from freqtrade_mgmt.upgrades.reading import UpgradeShown
    from freqtrade_mgmt.version_pages.operations import OperationShown
    from freqtrade_mgmt.versions.listing import ListedVersion, ReleasesState

LARGEST_ID: Final = 2**31 - 1
MOST_SKIPPED: Final = 1_000


class OperationsQuery(PageQuery):
    """Which operations."""

    type = serializers.ChoiceField(
        required=False,
        choices=["install", "upgrade", "downgrade", "check"],
    )


class RemoveQuery(serializers.Serializer[None]):
    """How a release is removed."""

    give_up_rollback = serializers.BooleanField(
        default=False,
        help_text="Also what the last upgrade could go back to.",
    )


class InstallSerializer(serializers.Serializer[None]):
    """How a release is to be installed; ``proxy`` (proxies.id) is the way."""

    proxy = serializers.IntegerField(
        min_value=1, max_value=LARGEST_ID, required=False, allow_null=True, default=None
    )


class UpgradeSerializer(serializers.Serializer[None]):
    """What an upgrade is asked with; see ``freqtrade_mgmt.upgrades.asking``."""

    to_version = serializers.CharField(max_length=COLUMN_LENGTH)
    canary = serializers.IntegerField(
        min_value=1, max_value=LARGEST_ID, required=False, allow_null=True, default=None
    )
    watch_seconds = serializers.IntegerField(
        min_value=0, max_value=LONGEST_WATCH, default=WATCH_SECONDS
    )
    leave_failing = serializers.BooleanField(default=False)
    skip = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        max_length=MOST_SKIPPED,
        default=list,
    )


def version_shape(row: ListedVersion) -> dict[str, Any]:
    """Return a release."""
    about = row.compatibility
    return {
        "version": row.version,
        "type": row.type,
        "released": row.release_date.isoformat() if row.release_date else None,
        "requires_python": row.requires_python,
        "fits": row.fits,
        "yanked": row.yanked,
        "installed": row.installed,
        "installed_at": _moment(row.install_date),
        "current": row.current,
        "size": row.size,
        "startup_seconds": about.get("startup_seconds"),
        "memory_mb": about.get("memory_mb"),
        "interface_version": about.get("interface_version"),
        "checked_at": about.get("checked_at"),
        "operation": row.operation,
        "changes": row.changelog_url or None,
        "used_by": [
            {
                "id": use.strategy_id,
                "name": use.name,
                "pinned": use.pinned,
                "running": use.running,
            }
            for use in row.used_by
        ],
    }


def index_shape(state: ReleasesState, problem: str, *, asked: bool) -> dict[str, Any]:
    """Return how up to date the list of releases is."""
    return {
        "listed_at": _moment(state.listed_at),
        "asked_at": _moment(state.asked_at),
        "being_asked": asked,
        "problem": problem or None,
    }


def operation_shape(shown: OperationShown) -> dict[str, Any]:
    """Return an operation as a list has it."""
    return {
        "id": shown.id,
        "type": shown.kind,
        "from_version": shown.from_version or None,
        "to_version": shown.to_version,
        "status": shown.status,
        "by": shown.by or None,
        "started_at": _moment(shown.started_at),
        "completed_at": _moment(shown.completed_at),
        "error": shown.error or None,
    }


def operation_detail_shape(shown: OperationShown) -> dict[str, Any]:
    """Return an operation with its steps, how far it is, and the report."""
    bar = shown.bar
    return operation_shape(shown) | {
        "backup_path": shown.backup_path or None,
        "waits_for": shown.waits_for,
        "can_cancel": shown.can_cancel,
        "can_roll_back": shown.can_roll_back,
        "progress": {
            "stage": shown.stage.code if shown.stage else None,
            "percent": bar.percent if bar else None,
            "bytes": bar.size if bar and bar.total else None,
            "total": bar.total or None if bar else None,
            "strategies_done": bar.done if bar and bar.count else None,
            "strategies": bar.count or None if bar else None,
            "watch_seconds_left": shown.canary.watch_left if shown.canary else None,
        },
        "stages": [
            {
                "stage": each.code,
                "state": each.state,
                "at": _moment(each.at),
                "seconds": each.seconds,
            }
            for each in shown.stages
        ],
        "steps": [
            {"at": _moment(each.at), "step": each.code, "words": each.words}
            for each in shown.steps
        ],
        "report": _report(shown.upgrade),
    }


def _report(report: UpgradeShown | None) -> list[dict[str, Any]] | None:
    if report is None:
        return None
    return [
        {
            "id": each.id,
            "name": each.name,
            "wanted": each.wanted,
            "canary": each.canary,
            "check": each.check or None,
            "reason": each.reason or None,
            "warnings": list(each.warnings),
            "state": each.state,
        }
        for each in report.strategies
    ]


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value is not None else None
