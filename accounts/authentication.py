"""How the API knows who asks: a bearer token, or a page's own session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import (
    BaseAuthentication,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import AuthenticationFailed

from accounts.audit.actor import actor_of, actor_set
from accounts.facts import request_facts
from accounts.selectors import login_is_alive, session_by_api_token
from accounts.services import token_touch

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import User, UserSession

CHALLENGE = 'Bearer realm="BTC Watcher"'


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer TOKEN``; ``request.auth`` becomes the session row."""

    def authenticate(self, request: Request) -> tuple[User, UserSession] | None:
        """Return the user and the row; None leaves the request to other ways."""
        scheme, _space, token = (
            get_authorization_header(request).decode("latin-1").partition(" ")
        )
        if scheme.lower() != "bearer":
            return None
        row = session_by_api_token(token.strip())
        if row is None or row.user is None:
            raise AuthenticationFailed(
                _(
                    "The bearer token is unknown, expired or revoked."
                    " Get a new one from /api/v1/auth/token/."
                )
            )
        now = timezone.now()
        token_touch(row=row, now=now)
        # DRF lets a view ask when the request is looked at, so this is the earliest.
        actor_set(
            actor_of(row.user, f"API: {row.name}", request_facts(request).ip_address)
        )
        return row.user, row

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge; without it a missing login would be answered 403."""
        return CHALLENGE


class PageSessionAuthentication(SessionAuthentication):
    """The login of a page; what changes something needs the CSRF token.

    Middleware takes the views of the API for such that need nobody, so what it does for
    pages is done here: a login that was ended counts no more, and the audit is told.
    """

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Return the person and no token; None leaves the request to other ways."""
        found: tuple[User, None] | None = super().authenticate(request)
        if found is None:
            return None
        if not login_is_alive(request._request.session):  # noqa: SLF001 - DRF's own way
            raise AuthenticationFailed(
                _("This login has ended, or was ended elsewhere. Log in again.")
            )
        facts = request_facts(request)
        actor_set(actor_of(found[0], "API", facts.ip_address))
        return found
