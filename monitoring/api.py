"""The API of the system: its status, its measurements, its errors, its intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from accounts.permissions import CanRead
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation, paged
from btc_watcher.lib.api.moments import EPOCH, microseconds, moment_text
from btc_watcher.lib.api.paging import PageQuery, cursor_read, cut, page_of
from btc_watcher.lib.api.strict import only_known
from monitoring.api_answers import (
    ERROR,
    ERROR_DETAIL,
    METRICS,
    RESOLVED,
    SCHEDULE,
    STATUS,
)
from monitoring.api_common import Operators
from monitoring.errors.selectors import errors_listed
from monitoring.errors.services import error_reopen, error_resolve, errors_resolve
from monitoring.health import health
from monitoring.metrics.charts import RANGES, charts_data, range_of
from monitoring.metrics.now import system_now
from monitoring.models import ErrorLog
from monitoring.schedules.bounds import bounds_of
from monitoring.schedules.services import first_values, schedule_change
from monitoring.schedules.words import PURPOSES

if TYPE_CHECKING:
    from rest_framework.request import Request

    from monitoring.metrics.now import MachineShown, ProcessShown
    from strategies.hosts import SharedProcess

SCHEDULES_CHANGE: Final = "django_celery_beat.change_periodictask"
ERRORS_CHANGE: Final = "monitoring.change_errorlog"
LARGEST_ID: Final = 2**63 - 1


class MetricsQuery(serializers.Serializer[Any]):
    """Of which period."""

    range = serializers.ChoiceField(
        required=False,
        choices=[each.key for each in RANGES],
        default=RANGES[0].key,
        help_text="The period that ends now.",
    )


class ErrorsQuery(PageQuery):
    """Which errors."""

    resolved = serializers.BooleanField(
        required=False, default=False, help_text="Those that were dealt with instead."
    )
    level = serializers.ChoiceField(required=False, choices=ErrorLog.Level.values)
    component = serializers.CharField(required=False, max_length=50)
    text = serializers.CharField(
        required=False, max_length=100, help_text="A part of the message."
    )


class ErrorUpdateSerializer(serializers.Serializer[Any]):
    """Whether it was dealt with; it opens again by itself when it happens again."""

    resolved = serializers.BooleanField()


class ErrorsResolveSerializer(serializers.Serializer[Any]):
    """Which errors were dealt with."""

    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        allow_empty=False,
        max_length=1_000,
    )


class ScheduleSerializer(serializers.Serializer[Any]):
    """How often it runs; what is absent stays."""

    seconds = serializers.IntegerField(
        required=False, min_value=1, max_value=31 * 86400
    )
    enabled = serializers.BooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what is no field: a misspelled one would be lost in silence."""
        return only_known(self, attrs)


class StatusView(ApiView):
    """``/api/v1/system/``."""

    permission_classes = [CanRead]

    @operation(
        STATUS,
        tag="system",
        name="system_status",
        summary="Get the system's status",
        item=STATUS,
    )
    def get(self, request: Request) -> Response:
        """Return how the system is: a word per component, machines, processes, bots."""
        found = system_now(timezone.now())
        replica = found["replica"]
        return Response(
            {
                "health": health.report(),
                "figures": found["status"],
                "machines": [_machine(each) for each in found["machines"]],
                "processes": [_process(each) for each in found["processes"]],
                "database_gb": found["database_gb"],
                "bots": found["bots"],
                "bots_mb": found["bots_mb"],
                "shared_processes": [_shared(each) for each in found["shared"]],
                "replica": None if replica is None else str(replica),
            }
        )


class MetricsView(ApiView):
    """``/api/v1/system/metrics/``."""

    permission_classes = [CanRead]

    @operation(
        METRICS,
        tag="system",
        name="system_metrics",
        summary="Get measurements",
        query=MetricsQuery,
    )
    def get(self, request: Request) -> Response:
        """Return the measurements of a period as the page of the system draws them."""
        query = self.checked(MetricsQuery(data=request.query_params))
        found = charts_data(range_of(query["range"]))
        charts = [
            {
                "key": chart["key"],
                "title": chart["title"],
                "unit": chart["unit"],
                "lines": [
                    {"label": line["label"], "values": line["values"]}
                    for line in chart["lines"]
                ],
            }
            for chart in found["charts"]
        ]
        return Response(
            {name: found[name] for name in ("from", "to", "at")} | {"charts": charts}
        )


class ErrorsView(ApiView):
    """``/api/v1/system/errors/``."""

    permission_classes = [Operators]

    @operation(
        paged(ERROR),
        tag="system",
        name="errors_list",
        summary="List errors",
        query=ErrorsQuery,
        item=ERROR,
    )
    def get(self, request: Request) -> Response:
        """Return groups of errors that nobody has dealt with yet, the latest first."""
        query = self.checked(ErrorsQuery(data=request.query_params))
        after = None
        if text := query.get("cursor"):
            micros, number = cursor_read(text, (int, int))
            after = (EPOCH + microseconds(micros), number)
        found = errors_listed(
            resolved=query["resolved"],
            level=query.get("level", ""),
            component=query.get("component", ""),
            words=query.get("text", ""),
            limit=query["page_size"] + 1,
            after=after,
        )
        rows, cursor = cut(
            found,
            query,
            lambda row: ((row.timestamp - EPOCH) // microseconds(1), row.pk),
        )
        return self.page(request, map(_error, rows), cursor)


class ErrorView(ApiView):
    """``/api/v1/system/errors/{id}/``."""

    permission_classes = [Operators]
    permission = {"PATCH": ERRORS_CHANGE}
    largest_id = LARGEST_ID

    @operation(
        ERROR_DETAIL,
        tag="system",
        name="errors_get",
        summary="Get an error",
        item=ERROR_DETAIL,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return a group of errors with the stack of the last one."""
        row = _error_row(pk)
        return Response(_error(row) | {"stack": row.stack_trace})

    @operation(
        ERROR_DETAIL,
        tag="system",
        name="errors_update",
        summary="Deal with an error",
        body=ErrorUpdateSerializer,
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Mark a group as dealt with, which ends its alert, or take it up again."""
        wanted = self.checked(ErrorUpdateSerializer(data=request.data))
        _error_row(pk)
        service = error_resolve if wanted["resolved"] else error_reopen
        service(pk, by=request.user.get_username(), now=timezone.now())
        row = _error_row(pk)
        return Response(_error(row) | {"stack": row.stack_trace})


class ErrorsResolveView(ApiView):
    """``/api/v1/system/errors/resolve/``."""

    permission_classes = [Operators]
    permission = {"POST": ERRORS_CHANGE}

    @operation(
        RESOLVED,
        tag="system",
        name="errors_resolve",
        summary="Deal with many errors",
        body=ErrorsResolveSerializer,
    )
    def post(self, request: Request) -> Response:
        """Mark groups as dealt with; the answer counts those that were open."""
        wanted = self.checked(ErrorsResolveSerializer(data=request.data))
        count = errors_resolve(
            set(wanted["ids"]), by=request.user.get_username(), now=timezone.now()
        )
        return Response({"resolved": count})


class SchedulesView(ApiView):
    """``/api/v1/system/schedules/``."""

    permission_classes = [CanRead]

    @operation(
        paged(SCHEDULE),
        tag="system",
        name="schedules_list",
        summary="List intervals",
        query=PageQuery,
        item=SCHEDULE,
    )
    def get(self, request: Request) -> Response:
        """Return what runs by itself and how often, by name."""
        query = self.checked(PageQuery(data=request.query_params))
        found = PeriodicTask.objects.select_related("interval").filter(
            name__in=first_values()
        )
        rows, cursor = page_of(found, query, lambda row: (row.name,), (str,))
        return self.page(request, map(_schedule, rows), cursor)


class ScheduleView(ApiView):
    """``/api/v1/system/schedules/{name}/``."""

    permission_classes = [Operators]
    permission = {"PATCH": SCHEDULES_CHANGE}

    @operation(
        SCHEDULE,
        tag="system",
        name="schedules_get",
        summary="Get an interval",
        item=SCHEDULE,
    )
    def get(self, request: Request, name: str) -> Response:
        """Return how often something runs."""
        return Response(_schedule(_schedule_row(name)))

    @operation(
        SCHEDULE,
        tag="system",
        name="schedules_update",
        summary="Change an interval",
        body=ScheduleSerializer,
    )
    def patch(self, request: Request, name: str) -> Response:
        """Change how often it runs, or switch it off where the system can do without."""
        wanted = self.checked(ScheduleSerializer(data=request.data, partial=True))
        row = _schedule_row(name)
        seconds = wanted.get("seconds", _seconds(row))
        enabled = wanted.get("enabled", row.enabled)
        changed = schedule_change(name=name, seconds=int(seconds or 0), enabled=enabled)
        return Response(_schedule(changed))


def _shared(each: SharedProcess) -> dict[str, Any]:
    return {
        "name": each.name,
        "node": each.node,
        "pid": each.pid,
        "memory_mb": round(each.memory_mb, 1),
        "strategies": [key for key, _name in each.strategies],
    }


def _machine(each: MachineShown) -> dict[str, Any]:
    return {
        "host": each.host,
        "cpu": each.cpu,
        "memory": each.memory,
        "disk": each.disk,
    }


def _process(each: ProcessShown) -> dict[str, Any]:
    return {
        "role": each.role,
        "name": each.name,
        "host": each.host,
        "pid": each.pid,
        "state": each.state,
        "cpu": each.cpu,
        "memory_mb": each.memory_mb,
        "up_seconds": each.up.total_seconds(),
        "seen_at": moment_text(each.seen_at),
    }


def _error(row: ErrorLog) -> dict[str, Any]:
    return {
        "id": row.pk,
        "time": moment_text(row.timestamp),
        "level": row.level,
        "component": row.component,
        "message": row.message,
        "resolved": row.resolved,
        "resolved_at": moment_text(row.resolved_at),
        "count": row.context.get("count"),
        "context": row.context,
    }


def _error_row(pk: int) -> ErrorLog:
    row = ErrorLog.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound(_("There is no error %(number)s.") % {"number": pk})
    return row


def _schedule_row(name: str) -> PeriodicTask:
    row = PeriodicTask.objects.select_related("interval").filter(name=name).first()
    if row is None or name not in first_values():
        raise NotFound(
            _("There is no scheduled work called “%(name)s”.") % {"name": name}
        )
    return row


def _seconds(row: PeriodicTask) -> float | None:
    if row.interval is None:
        return None
    return float(row.interval.schedule.run_every.total_seconds())


def _schedule(row: PeriodicTask) -> dict[str, Any]:
    bounds = bounds_of(row.name, first_values()[row.name].seconds)
    return {
        "name": row.name,
        "purpose": str(PURPOSES.get(row.name, "")),
        "seconds": _seconds(row),
        "least": bounds.least,
        "most": bounds.most,
        "enabled": row.enabled,
        "needed": bounds.needed,
        "last_run_at": moment_text(row.last_run_at),
    }
