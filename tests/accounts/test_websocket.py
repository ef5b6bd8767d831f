"""A WebSocket is open to a person only while the login's row lives."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts import services
from accounts.facts import RequestFacts
from accounts.models import User, UserSession
from accounts.selectors import SESSION_TOKEN
from accounts.websocket import SessionRowScope, login_lives

if TYPE_CHECKING:
    from collections.abc import MutableMapping

pytestmark = pytest.mark.django_db(transaction=True)


async def user_behind(scope: MutableMapping[str, Any]) -> Any:
    """Return the user that an application behind SessionRowScope sees."""
    seen: list[Any] = []

    async def application(inner: Any, _receive: Any, _send: Any) -> None:
        seen.append(inner["user"])

    await SessionRowScope(application)(scope, None, None)
    return seen[0]


async def login(*, hours: float = 1) -> dict[str, Any]:
    user = await User.objects.acreate(username="mei")
    from asgiref.sync import sync_to_async  # noqa: PLC0415

    _row, token = await sync_to_async(services.session_open)(
        user_id=user.id,
        facts=RequestFacts(None, ""),
        expires_at=timezone.now() + timedelta(hours=hours),
    )
    return {"user": user, "session": {SESSION_KEY: str(user.id), SESSION_TOKEN: token}}


async def test_a_recorded_login_passes() -> None:
    scope = await login()
    assert await user_behind(scope) == scope["user"]
    assert await login_lives(scope)


async def test_a_revoked_login_becomes_anonymous() -> None:
    scope = await login()
    await UserSession.objects.all().adelete()
    assert isinstance(await user_behind(scope), AnonymousUser)
    assert not await login_lives(scope)


async def test_an_expired_login_becomes_anonymous() -> None:
    assert isinstance(await user_behind(await login(hours=-1)), AnonymousUser)


async def test_a_visitor_stays_a_visitor() -> None:
    scope = {"user": AnonymousUser(), "session": {}}
    assert isinstance(await user_behind(scope), AnonymousUser)
