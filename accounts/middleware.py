"""Per request: is the login still recorded, and how does this person read pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth import SESSION_KEY, logout
from django.utils import timezone, translation
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from accounts import services
from accounts.audit.actor import actor_of, actor_set
from accounts.display import follows_browser
from accounts.facts import request_facts
from accounts.models import User
from accounts.preferences import django_language, zone_or_default
from accounts.selectors import SESSION_TOKEN, login_is_alive

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

# How the audit calls the ways in.
VIA = (("/admin/", "admin"), ("/api/", "API"), ("/", "page"))
NOTED = "_user_session_token"


def _needs_no_person(view: Callable[..., Any]) -> bool:
    """Tell whether ``view`` is marked login_not_required: it must answer without data.

    Health is such a view: asking the database who is there would hide that the
    database is away.
    """
    return not getattr(view, "login_required", True)


class SessionRowMiddleware(MiddlewareMixin):
    """Every browser login has a row in user_sessions; without its row it ends at once.

    Whatever logs a person in or out (our pages, the admin, a test client) is seen
    here, by what it did to the session. One indexed query per request of a person.
    """

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., Any],
        _args: tuple[Any, ...],
        _kwargs: dict[str, Any],
    ) -> None:
        """Record a login that is new, end one whose row is gone."""
        if _needs_no_person(view) or SESSION_KEY not in request.session:
            return
        if SESSION_TOKEN not in request.session:
            _record(request)
        elif not login_is_alive(request.session):
            logout(request)
            _tell_ended(request)
        setattr(request, NOTED, request.session.get(SESSION_TOKEN))

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Record a login and close the row of a logout that this request made."""
        if not request.session.modified:
            return response
        noted = getattr(request, NOTED, None)
        if noted is not None and request.session.get(SESSION_TOKEN) != noted:
            services.session_close(token=noted)
        if SESSION_KEY in request.session and SESSION_TOKEN not in request.session:
            _record(request)
        return response


def _tell_ended(request: HttpRequest) -> None:
    """Say on the login page, which is where a page leads now, why it is shown."""
    if request.accepts("text/html") and not request.path.startswith("/api/"):
        words = _("You were logged out: this login has ended, or was ended elsewhere.")
        messages.info(request, words)


def _record(request: HttpRequest) -> None:
    _row, token = services.session_open(
        user_id=int(request.session[SESSION_KEY]),
        facts=request_facts(request),
        expires_at=request.session.get_expiry_date(),
    )
    request.session[SESSION_TOKEN] = token


class PreferencesMiddleware(MiddlewareMixin):
    """Shows pages in the person's language and time zone.

    The switch's cookie and the browser's own language are for visitors, and for people
    who never chose a language: the next one at this browser may be somebody else.
    """

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., Any],
        _args: tuple[Any, ...],
        _kwargs: dict[str, Any],
    ) -> None:
        """Activate what the logged-in person prefers."""
        if _needs_no_person(view) or not request.user.is_authenticated:
            timezone.deactivate()
            return
        timezone.activate(zone_or_default(request.user.timezone))
        if not follows_browser(request.user.preferences, request.user.language):
            translation.activate(django_language(request.user.language))
            request.LANGUAGE_CODE = translation.get_language()

    def process_response(
        self, _request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Leave nothing behind in this thread."""
        timezone.deactivate()
        return response


class ActorMiddleware(MiddlewareMixin):
    """Tells the audit who acts; goes after the middleware that ends a revoked login."""

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., Any],
        _args: tuple[Any, ...],
        _kwargs: dict[str, Any],
    ) -> None:
        """Note the person; whoever comes with a token is noted by the API."""
        actor_set(None)
        if not _needs_no_person(view) and isinstance(request.user, User):
            via = next((word for start, word in VIA if request.path.startswith(start)))
            actor_set(actor_of(request.user, via, request_facts(request).ip_address))

    def process_response(
        self, _request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Leave nobody behind in this thread."""
        actor_set(None)
        return response
