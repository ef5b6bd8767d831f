"""The page of the partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db import DatabaseError
from django.http import Http404
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from btc_watcher.lib.errors import BtcWatcherError
from monitoring.database.sizes import strays_counted
from monitoring.dispatch import rotation_soon
from monitoring.operations import operators_only, page, run_part, staff_only
from monitoring.partitions.counting import (
    CountingBusyError,
    CountingSlowError,
    counting,
)
from monitoring.partitions.journal import rotations_noted
from monitoring.partitions.page import keeps_detached, tables_shown
from monitoring.partitions.planned import noted_problems, noted_words, plan_words
from monitoring.partitions.rotation import partitions_rotate
from monitoring.partitions.selectors import partition_facts, partition_rows
from monitoring.runs.due import due_of
from monitoring.runs.following import ROTATION
from monitoring.runs.shown import run_shown

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse


@require_GET
@staff_only
def partitions(request: HttpRequest) -> HttpResponse:
    """Show every partition, what the last rotation did, and what the next one will do."""
    now = timezone.now()
    context = _tables(now) | {
        "run": run_shown(ROTATION),
        "due": due_of("rotate partitions", now),
        "rotations": [
            {
                "noted": noted,
                "words": noted_words(noted),
                "problems": noted_problems(noted),
            }
            for noted in rotations_noted()
        ],
        "keeps_detached": keeps_detached(),
    }
    return page(request, "partitions.html", context)


@require_GET
@staff_only
def plan(request: HttpRequest) -> HttpResponse:
    """Return the part of the page that says what a rotation would do now.

    It counts what lies in the safety nets; while others count, it asks for itself again.
    """
    run = run_shown(ROTATION)
    context: dict[str, Any] = {"tables": [], "problem": "", "drops": 0, "run": run}
    try:
        with counting():
            rotations = partitions_rotate(dry_run=True)
        for rotation in rotations:
            context["tables"].append(
                {"name": rotation.plan.table.name, "words": plan_words(rotation.plan)}
            )
            context["drops"] += len(rotation.plan.drop)
    except CountingBusyError:
        context["waits"] = True
    except BtcWatcherError as error:
        context["problem"] = error.message
    except DatabaseError as error:
        context["problem"] = _("PostgreSQL did not answer (%(error)s).") % {
            "error": type(error).__name__
        }
    context["anything"] = any(each["words"] for each in context["tables"])
    context["keeps_detached"] = keeps_detached()
    return page(request, "partitions_parts/plan.html", context)


@require_GET
@staff_only
def live(request: HttpRequest) -> HttpResponse:
    """Return how far the rotation is; when it is over the page is loaded again."""
    return run_part(request, ROTATION, address="monitoring:partitions_live")


@require_GET
@staff_only
def rows(request: HttpRequest, name: str) -> HttpResponse:
    """Return how many rows a partition has, counted; the estimate while it is not."""
    context: dict[str, Any] = {"name": name, "problem": "", "estimate": None}
    try:
        context["counted"] = partition_rows(name, timezone.now())
    except (CountingBusyError, CountingSlowError) as error:
        context["problem"] = error.message
        context["estimate"] = partition_facts(name, timezone.now())
    except DatabaseError as error:
        context["problem"] = _("It could not be counted (%(error)s).") % {
            "error": type(error).__name__
        }
    if not context["problem"] and context["counted"] is None:
        raise Http404
    return page(request, "partitions_parts/rows.html", context)


@require_POST
@operators_only
def rotate(request: HttpRequest) -> HttpResponse:
    """Have a worker rotate the partitions, and show how it goes."""
    try:
        rotation_soon(by=request.user.get_username())
    except BtcWatcherError as error:
        messages.error(request, error.message)
    return redirect("monitoring:partitions")


def _tables(now: datetime) -> dict[str, Any]:
    try:
        tables = tables_shown(now, strays_counted())
    except BtcWatcherError as error:
        return {"tables": [], "problem": error.message}
    except DatabaseError as error:
        words = _("PostgreSQL did not answer (%(error)s).")
        return {"tables": [], "problem": words % {"error": type(error).__name__}}
    return {
        "tables": tables,
        "problem": "",
        "partitions": sum(table.partitions for table in tables),
        "rows": sum(table.rows for table in tables),
        "size": sum(table.size for table in tables),
        "strays": sum(table.strays for table in tables),
        "gaps": sum(table.gaps for table in tables),
        "going": sorted(
            (each for table in tables for each in table.going),
            key=lambda each: (not each.is_now, each.day),
        ),
    }
