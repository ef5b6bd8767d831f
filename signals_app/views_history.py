"""Pages of the history: the list, and files of what it finds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.permissions import reads
from signals_app.history.asked import (
    Asked,
    Problem,
    asked_read,
    range_named,
)
from signals_app.history.export import FORMATS, file_name, signals_export
from signals_app.history.form import form_choices, range_fields
from signals_app.history.periods import PERIODS, WIDER
from signals_app.history.rows_shown import history_rows
from signals_app.history.saved import MOST, filter_default, filters_of
from signals_app.selectors import (
    Cursor,
    SearchTooLongError,
    signals_count,
    signals_page,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from django.http import HttpRequest, HttpResponse

    from signals_app.models import Signal

logger = logging.getLogger(__name__)

SIZE: Final = 50
# Seconds for a page, and for the count before a file.
PATIENCE: Final = 8


@require_GET
@never_cache
@reads
def history(request: HttpRequest) -> HttpResponse:
    """Show the signals that fit; htmx gets the part of the page that it puts in.

    Without any field the page opens with the person's own filter, where there is one.
    """
    user_id = int(request.user.pk or 0)
    if not request.GET and (own := filter_default(user_id)):
        return redirect(f"{request.path}?{own.query}")
    asked = asked_read(request.GET, user_id)
    found: list[Signal] = []
    further: Cursor | None = None
    problems = asked.problems
    if asked.wanted is not None:
        try:
            found, further = signals_page(
                asked.wanted, size=SIZE, after=asked.after, patience=PATIENCE
            )
        except SearchTooLongError:
            problems = [_too_long(asked)]
    return _page(request, asked, problems, found, further)


@require_GET
@never_cache
@reads
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Give what the filter finds as a file: ``?format=`` csv, excel or jsonl."""
    user_id = int(request.user.pk or 0)
    form = request.GET.get("format", "csv")
    asked = asked_read(request.GET, user_id)
    if form not in FORMATS:
        known = ", ".join(FORMATS)
        words = _("There is no such format; use %(known)s.") % {"known": known}
        asked.problems.append(Problem("format", _("Format"), form[:40], words))
    if asked.problems or asked.wanted is None:
        return _page(request, asked, asked.problems, [], None)
    most = settings.HISTORY_EXPORT_ROWS
    try:
        count = signals_count(asked.wanted, most=most + 1, patience=PATIENCE)
    except SearchTooLongError:
        logger.warning("An export was given up: its signals could not be counted.")
        return _page(request, asked, [_too_long(asked)], [], None)
    parts = signals_export(
        asked.wanted,
        form=form,
        user_id=user_id,
        zone=timezone.get_current_timezone(),
        most=most,
    )
    name = file_name(asked.wanted, form, cut=count > most)
    return _streamed(request, parts, FORMATS[form][0], name)


def _page(
    request: HttpRequest,
    asked: Asked,
    problems: list[Problem],
    found: list[Signal],
    further: Cursor | None,
) -> HttpResponse:
    user_id = int(request.user.pk or 0)
    part = "HX-Request" in request.headers
    wanted = asked.wanted
    context: dict[str, Any] = {
        "asked": asked,
        "problems": problems,
        "wrong": {problem.name for problem in problems},
        "rows": history_rows(found, user_id),
        "periods": [
            (name, label, asked.without("from", "to", period=name))
            for name, label in PERIODS.items()
        ],
        "range": range_named(wanted) if wanted else None,
        "zone": timezone.get_current_timezone_name(),
        "wider": _wider(asked),
        "next_page": _address(asked, further) if further else "",
        "export_limit": settings.HISTORY_EXPORT_ROWS,
        "saved": filters_of(user_id),
        "saved_most": MOST,
    }
    if not part:
        context |= form_choices(asked) | range_fields(asked)
    name = (
        "signals_app/parts/history_found.html" if part else "signals_app/history.html"
    )
    response = render(request, name, context, status=400 if problems else 200)
    response["Vary"] = "HX-Request"
    if part:
        response["HX-Push-Url"] = _address(asked, asked.after)
    return response


def _address(asked: Asked, place: Cursor | None) -> str:
    cursor = f"&cursor={place.text()}" if place else ""
    return f"{reverse('signals_app:history')}?{asked.query}{cursor}"


def _wider(asked: Asked) -> list[tuple[Any, str]]:
    names = WIDER.get(asked.period, ()) if asked.period else ("30d",)
    return [(PERIODS[n], asked.without("from", "to", period=n)) for n in names]


def _too_long(asked: Asked) -> Problem:
    words = _("The search took too long. Choose a shorter period or a strategy.")
    value = ", ".join(asked.given.get("period", []))
    return Problem("period", _("Period"), value, words)


def _streamed(
    request: HttpRequest, parts: Iterator[bytes], kind: str, name: str
) -> StreamingHttpResponse:
    through_asgi = isinstance(request, ASGIRequest)
    response = StreamingHttpResponse(
        _relayed(parts) if through_asgi else parts,
        content_type=f"{kind}; charset=utf-8",
    )
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Accel-Buffering"] = "no"
    return response


async def _relayed(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Give parts one by one; between them no connection to the database is held."""

    def following() -> bytes | None:
        try:
            return next(parts, None)
        finally:
            close_old_connections()

    while (part := await sync_to_async(following)()) is not None:
        yield part
