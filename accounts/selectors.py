"""Reading people and their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.utils import timezone

from accounts.cache import account_is_known, account_note
from accounts.facts import agent_label
from accounts.models import User, UserSession
from accounts.tokens import BROWSER_PREFIX, api_hash, browser_hash

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from django.db.models import QuerySet

# Where a browser's session keeps the token of its row.
SESSION_TOKEN = "user_session_token"  # noqa: S105 - the name of a place


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session row as a person reads it.

    ``name`` is what an API token was called, ``scopes`` what it may (None: all that its
    person may), ``program`` a short form of the agent.
    """

    id: UUID
    is_browser: bool
    is_current: bool
    name: str
    scopes: tuple[str, ...] | None
    last_used_at: datetime | None
    user_agent: str
    program: str
    ip_address: str | None
    created_at: datetime
    expires_at: datetime


def sessions_alive() -> QuerySet[UserSession]:
    """Return the sessions that have not expired."""
    return UserSession.objects.filter(expires_at__gt=timezone.now())


def session_by_api_token(token: str) -> UserSession | None:
    """Return the living session of an API token with its active user, or None."""
    return (
        sessions_alive()
        .select_related("user")
        .filter(token_hash=api_hash(token), user__is_active=True)
        .first()
    )


def login_is_alive(session: Mapping[str, Any]) -> bool:
    """Tell whether the row behind a browser's ``session`` exists and has not expired.

    A login that was not recorded yet counts as alive: the middleware records it with
    the first page. One query by the index on token_hash.
    """
    token, user_id = session.get(SESSION_TOKEN), session.get(SESSION_KEY)
    if token is None or user_id is None:
        return True
    rows = sessions_alive().filter(
        token_hash=browser_hash(token), user_id=user_id, user__is_active=True
    )
    return rows.exists()


def nobody_can_log_in() -> bool:
    """Tell whether the system is so fresh that there is no account that is open.

    Every visitor's page asks; the database does so until there is one.
    """
    if account_is_known():
        return False
    fresh = not User.objects.filter(is_active=True).exists()
    if not fresh:
        account_note()
    return fresh


def address_is_known(username: str, address: str | None) -> bool:
    """Tell whether an account has logged in from ``address`` lately.

    One query, whether the account exists or not.
    """
    return User.objects.filter(
        username=username, security_info__addresses__contains=[address]
    ).exists()


def sessions_of(user: User, *, current_token: str | None) -> list[SessionView]:
    """Return the living sessions and API tokens of ``user``, the newest first."""
    current = browser_hash(current_token) if current_token else None
    return [
        _view(row, is_current=row.token_hash == current)
        for row in sessions_alive().filter(user=user).order_by("-created_at")
    ]


def session_view(row: UserSession) -> SessionView:
    """Return ``row`` as a person reads it."""
    return _view(row, is_current=False)


def _view(row: UserSession, *, is_current: bool) -> SessionView:
    agent = row.user_agent or ""
    return SessionView(
        id=row.id,
        is_browser=row.token_hash.startswith(BROWSER_PREFIX),
        is_current=is_current,
        name=row.name,
        scopes=None if row.scopes is None else tuple(row.scopes),
        last_used_at=row.last_used_at,
        user_agent=agent,
        program=agent_label(agent),
        ip_address=row.ip_address,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
