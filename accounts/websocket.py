"""The row of a login, checked for WebSockets, which Django's middleware never sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.db import close_old_connections

from accounts.selectors import login_is_alive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    Scope = MutableMapping[str, Any]
    App = Callable[[Scope, Any, Any], Awaitable[None]]


class SessionRowScope:
    """Makes a person whose session row is gone or expired anonymous.

    Goes inside Channels' AuthMiddlewareStack, around the router.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass on, with the user taken away when the login has ended."""
        user = scope.get("user")
        if user is not None and user.is_authenticated and not await login_lives(scope):
            scope = {**scope, "user": AnonymousUser()}
        await self.app(scope, receive, send)


async def login_lives(scope: Scope) -> bool:
    """Tell whether the login of ``scope`` has not been revoked; for open connections."""
    return await sync_to_async(_alive)(scope["session"])


def _alive(session: Mapping[str, Any]) -> bool:
    close_old_connections()
    try:
        return login_is_alive(session)
    finally:
        close_old_connections()
