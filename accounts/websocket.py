"""Who opened a WebSocket: Django's middleware never sees them, so it is asked here.

A page comes with its session, a program with ``Authorization: Bearer TOKEN`` or with
``{"token": "..."}`` in its first message (see ``token_login``); never with a token in the
address, which ends up in logs. While it is open, ``ws:session:{user_id}`` says so. It is
closed as soon as the login or token has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.utils import timezone

from accounts.cache import listened, listening
from accounts.feed import endings_of_this_loop
from accounts.models import UserSession
from accounts.selectors import login_is_alive, session_by_api_token
from accounts.services import token_touch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    App = Callable[[Scope, Any, Any], Awaitable[None]]

logger = logging.getLogger(__name__)

# Seconds after which a connection that goes on is noted again.
NOTED_EVERY: Final = 15.0
# An application's own code: log in again.
LOGIN_ENDED: Final = 4401


class SessionRowScope:
    """Puts the user of a token into the scope, and takes away one whose login has ended.

    ``scope["token"]`` is the row of the token, None for pages. Goes inside Channels'
    AuthMiddlewareStack, around the router.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass on, with the right user."""
        scope = {**scope, "token": None}
        user, token = scope.get("user"), _bearer(scope)
        if token:
            # A program says who it is; what a browser sent along with it does not count.
            scope["user"] = AnonymousUser()
            await token_login(scope, token)
        elif (
            user is not None and user.is_authenticated and not await login_lives(scope)
        ):
            scope["user"] = AnonymousUser()
        noted = scope["noted"] = _Noted(scope, send)
        try:
            async with endings_of_this_loop().heard_by(noted.hear):
                await self.app(scope, receive, noted.send)
        finally:
            await noted.close()


async def token_login(scope: Scope, token: str) -> bool:
    """Make the person of an API token the user of ``scope``; False when it is none.

    Also for a token that came with the first message.
    """
    row = await sync_to_async(_row)(token)
    if row is None:
        return False
    scope["user"], scope["token"] = row.user, row
    # The router hands a copy of the scope on, so this one is told by itself.
    if noted := scope.get("noted"):
        noted.scope = scope
    return True


async def login_lives(scope: Scope) -> bool:
    """Tell whether the login or token of ``scope`` has not been revoked.

    For open connections, which ask now and then.
    """
    return await sync_to_async(_alive)(scope)


class _Noted:
    """Passes messages on, notes who hears them, and hangs up when their login ends."""

    def __init__(self, scope: Scope, send: Any) -> None:
        self.scope, self._send = scope, send
        self._check: asyncio.Task[None] | None = None
        self._heard = False
        self._closed = False
        self._id = uuid.uuid4().hex
        self._user_id: int | None = None
        self._since = ""
        self._noted_at = 0.0

    async def send(self, message: dict[str, Any]) -> None:
        """Pass a message on; note the connection when that is due."""
        if self._closed:
            # We hung up; who sends does not know it yet.
            return
        await self._send(message)
        user = self.scope.get("user")
        self._closed = message["type"] == "websocket.close"
        if self._closed or user is None or not user.pk:
            return
        if time.monotonic() - self._noted_at >= NOTED_EVERY or not self._noted_at:
            self._noted_at = time.monotonic()
            await self._note(int(user.pk))

    async def _note(self, user_id: int) -> None:
        now = timezone.now().isoformat()
        self._user_id, self._since = user_id, self._since or now
        values = {"connected_at": self._since, "last_ping": now}
        await sync_to_async(listening)(user_id, self._id, values)

    def hear(self, user_id: int | None) -> None:
        """Look whether the login still lives when one of this person has ended."""
        user = self.scope.get("user")
        if user is None or not user.pk or user_id not in {None, user.pk}:
            return
        # A look that is on its way may have been too early to see this one.
        self._heard = True
        if self._check is None or self._check.done():
            self._check = asyncio.create_task(self._hang_up_if_ended(), name="hang up")

    async def _hang_up_if_ended(self) -> None:
        while self._heard:
            self._heard = False
            try:
                lives = await login_lives(self.scope)
            except DatabaseError as error:
                # The application asks again by itself.
                logger.warning("A login was not looked up: %s.", type(error).__name__)
                continue
            if not lives:
                await self.send({"type": "websocket.close", "code": LOGIN_ENDED})
                return

    async def close(self) -> None:
        """Remove the note."""
        if self._check is not None:
            self._check.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._check
        if self._user_id is not None:
            await sync_to_async(listened)(self._user_id, self._id)


def _bearer(scope: Scope) -> str:
    for name, value in scope.get("headers", ()):
        if name == b"authorization":
            scheme, _space, token = value.decode("latin-1").partition(" ")
            return str(token.strip()) if scheme.lower() == "bearer" else ""
    return ""


def _row(token: str) -> UserSession | None:
    close_old_connections()
    try:
        row = session_by_api_token(token)
        if row is not None:
            token_touch(row=row, now=timezone.now())
        return row
    finally:
        close_old_connections()


def _alive(scope: Scope) -> bool:
    close_old_connections()
    try:
        token = scope.get("token")
        if token is None:
            return login_is_alive(scope["session"])
        return UserSession.objects.filter(
            pk=token.pk, expires_at__gt=timezone.now(), user__is_active=True
        ).exists()
    finally:
        close_old_connections()
