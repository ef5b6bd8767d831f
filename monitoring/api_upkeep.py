"""The API of upkeep: partitions and backups."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from btc_watcher.lib.api.answers import one
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation, paged
from btc_watcher.lib.api.moments import moment_text
from btc_watcher.lib.api.paging import PageQuery, page_of
from btc_watcher.lib.errors import BtcWatcherError
from monitoring.api_answers import (
    ASKED,
    BACKUP,
    COUNTED,
    PARTITIONS,
    PLAN,
    RUN,
)
from monitoring.api_common import Conflict, Operators, run_shape
from monitoring.backups.selectors import backups_list
from monitoring.dispatch import backup_soon, rotation_soon, trial_soon
from monitoring.partitions.planned import plan_words
from monitoring.partitions.rotation import partitions_rotate
from monitoring.partitions.selectors import partition_rows, partitions_list
from monitoring.runs.following import BACKUP as BACKUP_RUN
from monitoring.runs.following import ROTATION
from monitoring.runs.shown import run_shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

    from monitoring.backups.shapes import Backup
    from monitoring.partitions.selectors import PartitionFacts

# Whoever may change what runs by itself may also have it run now.
OPERATE: Final = "django_celery_beat.change_periodictask"


class UpkeepView(ApiView):
    """What addresses of upkeep have in common."""

    permission_classes = [Operators]
    permission = {"POST": OPERATE}

    def asked(self, ask: Callable[[], str]) -> Response:
        """Have a worker do something; 409 when one is at it, or none can be asked."""
        try:
            number = ask()
        except BtcWatcherError as error:
            raise Conflict(error.message) from error
        return Response({"run": number}, status=HTTPStatus.ACCEPTED)


class PartitionsView(UpkeepView):
    """``/api/v1/system/partitions/``."""

    @operation(
        PARTITIONS,
        tag="upkeep",
        name="partitions_list",
        summary="List partitions",
    )
    def get(self, request: Request) -> Response:
        """Return every month of every large table, and the rotation that goes on."""
        found = partitions_list(timezone.now())
        return Response(
            {
                "results": [_partition(each) for each in found],
                "run": run_shape(run_shown(ROTATION)),
            }
        )


class PlanView(UpkeepView):
    """``/api/v1/system/partitions/plan/``."""

    @operation(PLAN, tag="upkeep", name="partitions_plan", summary="Plan a rotation")
    def get(self, request: Request) -> Response:
        """Return what a rotation would do now; nothing is changed."""
        found = list(partitions_rotate(dry_run=True))
        return Response(
            {
                "tables": [
                    {"name": each.plan.table.name, "steps": plan_words(each.plan)}
                    for each in found
                ],
                "drops": sum(len(each.plan.drop) for each in found),
            }
        )


class RotateView(UpkeepView):
    """``/api/v1/system/partitions/rotate/``."""

    @operation(
        ASKED,
        status=202,
        tag="upkeep",
        name="partitions_rotate",
        summary="Rotate the partitions",
    )
    def post(self, request: Request) -> Response:
        """Have a worker make new months and drop those that are no longer kept."""
        return self.asked(lambda: rotation_soon(by=request.user.get_username()))


class RowsView(UpkeepView):
    """``/api/v1/system/partitions/{name}/rows/``."""

    limits = {"GET": 30}

    @operation(
        COUNTED,
        tag="upkeep",
        name="partitions_rows",
        summary="Count the rows of a partition",
    )
    def get(self, request: Request, name: str) -> Response:
        """Count the rows exactly: the whole partition is read."""
        rows = partition_rows(name, timezone.now())
        if rows is None:
            raise NotFound(_("There is no partition %(name)s.") % {"name": name})
        return Response({"name": name, "rows": rows})


class BackupsView(UpkeepView):
    """``/api/v1/system/backups/``."""

    @operation(
        paged(BACKUP, run=one(RUN, null=True)),
        tag="upkeep",
        name="backups_list",
        summary="List backups",
        query=PageQuery,
        item=BACKUP,
    )
    def get(self, request: Request) -> Response:
        """Return backups and failures to make one, and the run that goes on."""
        query = self.checked(PageQuery(data=request.query_params))
        rows, cursor = page_of(
            backups_list(),
            query,
            lambda backup: (-int(backup.started.timestamp()), backup.name),
            (int, str),
        )
        run = run_shape(run_shown(BACKUP_RUN))
        return self.page(request, map(_backup, rows), cursor, run=run)

    @operation(
        ASKED, status=202, tag="upkeep", name="backups_make", summary="Make a backup"
    )
    def post(self, request: Request) -> Response:
        """Have a worker make a backup and restore it on trial."""
        return self.asked(lambda: backup_soon(by=request.user.get_username()))


class BackupView(UpkeepView):
    """``/api/v1/system/backups/{name}/``."""

    @operation(
        BACKUP, tag="upkeep", name="backups_get", summary="Get a backup", item=BACKUP
    )
    def get(self, request: Request, name: str) -> Response:
        """Return a backup: whether it is good, what is in it, how its trial went."""
        return Response(_backup(_named(name)))


class TrialView(UpkeepView):
    """``/api/v1/system/backups/{name}/try/``."""

    @operation(
        ASKED,
        status=202,
        tag="upkeep",
        name="backups_try",
        summary="Restore a backup on trial",
    )
    def post(self, request: Request, name: str) -> Response:
        """Have a worker restore it into a scratch database and count the rows."""
        if not _named(name).is_whole:
            raise Conflict(_("Backup %(name)s is not whole.") % {"name": name})
        return self.asked(lambda: trial_soon(name, by=request.user.get_username()))


def _named(name: str) -> Backup:
    named = [backup for backup in backups_list() if backup.name == name]
    if not named:
        raise NotFound(_("There is no backup %(name)s.") % {"name": name})
    # A failure may have been noted in the same second.
    return next((each for each in named if each.manifest is not None), named[0])


def _partition(each: PartitionFacts) -> dict[str, Any]:
    return {
        "table": each.table,
        "name": each.name,
        "first": each.first.isoformat() if each.first else None,
        "end": each.end.isoformat() if each.end else None,
        "state": each.state,
        "rows": each.rows,
        "bytes": each.bytes,
        "trouble": each.is_trouble,
    }


def _backup(backup: Backup) -> dict[str, Any]:
    figures = backup.figures()
    kept = ("seconds", "rows", "tables", "server", "compression", "encrypted", "redis")
    return {
        "name": backup.name,
        "state": backup.state.value,
        "started": moment_text(backup.started),
        "size": backup.size,
        "error": backup.error,
        "figures": {name: figures[name] for name in kept if name in figures},
        "trial": figures.get("trial"),
    }
