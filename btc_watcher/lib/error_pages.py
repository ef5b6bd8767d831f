"""Error answers outside the API's views: a page for people, a problem for programs."""

from __future__ import annotations

import logging
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connections,
)
from django.db import Error as DatabaseError
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.template import loader
from django.utils.translation import gettext as _
from psycopg_pool import PoolTimeout

from btc_watcher.lib.errors import RefusedError
from btc_watcher.lib.rest import PROBLEM_TYPE, problem

if TYPE_CHECKING:
    from django.http import HttpRequest

logger = logging.getLogger(__name__)

API_PREFIX: Final = "/api/"
PLAIN: Final = "text/plain; charset=utf-8"
RETRY_SECONDS: Final = 10
# A connection comes free as soon as somebody else's page is done.
BUSY_SECONDS: Final = 3
PROBE_SECONDS: Final = 2
# PostgreSQL's codes: connection failures, too many of them, shutting down or starting.
AWAY: Final = ("08", "53300", "57P0")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400."""
    title, detail = _("Bad request"), _("This request could not be understood.")
    return _answer(request, HTTPStatus.BAD_REQUEST, title, detail)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403, with the sentence of ``exception`` where it is one of ours."""
    detail = _("Your account may not do this. Ask an administrator.")
    if isinstance(exception, RefusedError):
        detail = str(exception)
    return _answer(request, HTTPStatus.FORBIDDEN, _("Not allowed"), detail)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 where the CSRF token was missing or wrong (CSRF_FAILURE_VIEW)."""
    detail = _("The page was too old, or it was sent from elsewhere. Load it again.")
    if reason == REASON_NO_CSRF_COOKIE:
        detail = _("Your browser sent no cookie. Allow cookies for this site.")
    return _answer(request, HTTPStatus.FORBIDDEN, _("Not allowed"), detail)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404."""
    title, detail = _("Not found"), _("There is nothing at this address.")
    return _answer(request, HTTPStatus.NOT_FOUND, title, detail)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 without a word about the inside, or 503 where waiting helps.

    That is while the database is away, and while all connections to it are in use.
    """
    # Django calls this while it handles the error, and does not hand it over.
    title, detail, retry = _told_of(sys.exc_info()[1])
    status = HTTPStatus.SERVICE_UNAVAILABLE
    if not retry:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
    try:
        response = _answer(request, status, title, detail)
    except Exception:
        # The last line: whatever broke the page must not break the answer as well.
        logger.exception("The page of the error could not be made.")
        response = HttpResponse(f"{title}. {detail}", status=status, content_type=PLAIN)
    if retry:
        response.headers["Retry-After"] = str(retry)
        if request.method == "GET":
            response.headers["Refresh"] = str(retry)
    return response


def _told_of(error: BaseException | None) -> tuple[str, str, int]:
    """Return title, detail, and after how many seconds to come back (0: do not)."""
    if is_outage(error):
        detail = _(
            "Nothing that was stored is lost; this page comes back by itself. If it"
            " lasts, whoever runs the server starts PostgreSQL again; manage.py doctor"
            " says what is missing."
        )
        return _("The database is away"), detail, RETRY_SECONDS
    if _waited_in_vain(error):
        detail = _(
            "All connections to the database were in use. Nothing that was stored is"
            " lost; this page comes back by itself. If it happens often, whoever runs"
            " the server raises BTCW_DB_POOL_MAX."
        )
        return _("The server is busy"), detail, BUSY_SECONDS
    detail = _("The error was logged. Try again; nothing that was stored is lost.")
    return _("Something went wrong"), detail, 0


def is_outage(error: BaseException | None) -> bool:
    """Tell whether a query failed because there was no database to ask.

    A query that was too slow, or waited for a lock in vain, found one. A pool that gave
    no connection in time says nothing of the reason, so the database is asked.
    """
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    if _waited_in_vain(error):
        return not _database_answers()
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(AWAY)


def _waited_in_vain(error: BaseException | None) -> bool:
    return error is not None and isinstance(error.__cause__, PoolTimeout)


def _database_answers() -> bool:
    """Open a connection beside the pool, and close it."""
    made = connections.create_connection(DEFAULT_DB_ALIAS)
    options = made.settings_dict["OPTIONS"] | {"connect_timeout": PROBE_SECONDS}
    options.pop("pool", None)
    made.settings_dict = made.settings_dict | {"OPTIONS": options}
    try:
        made.ensure_connection()
    except DatabaseError:
        return False
    finally:
        made.close()
    return True


def _answer(
    request: HttpRequest, status: HTTPStatus, title: str, detail: str
) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return JsonResponse(
            problem(status, detail), status=status, content_type=PROBLEM_TYPE
        )
    # Without the request: context processors would ask for the person.
    context = {
        "status": status.value,
        "title": title,
        "detail": detail,
        # Loading a page again repeats nothing; sending a form again might.
        "retry": status >= HTTPStatus.INTERNAL_SERVER_ERROR and request.method == "GET",
    }
    return HttpResponse(loader.render_to_string("error.html", context), status=status)
