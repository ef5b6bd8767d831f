"""A WebSocket is open to a person only while the login's row lives."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts import services, websocket
from accounts.facts import RequestFacts
from accounts.feed.endings import Endings
from accounts.models import User, UserSession
from accounts.permissions import may_listen
from accounts.scopes import Scope
from accounts.selectors import SESSION_TOKEN
from accounts.websocket import SessionRowScope, login_lives
from btc_watcher.lib import kept_task, redis_keys
from btc_watcher.routing import websocket_router
from tests.websocket import Page

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    import redis
    from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)


async def user_behind(scope: MutableMapping[str, Any]) -> Any:
    """Return the user that an application behind SessionRowScope sees."""
    seen: list[Any] = []

    async def application(inner: Any, _receive: Any, _send: Any) -> None:
        seen.append(inner["user"])

    await SessionRowScope(application)(scope, None, None)
    return seen[0]


async def login(*, hours: float = 1, name: str = "mei") -> dict[str, Any]:
    user = await User.objects.acreate(username=name)
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


class Outgoing:
    """What the application sent."""

    def __init__(self) -> None:
        self.types: list[str] = []

    async def __call__(self, message: dict[str, Any]) -> None:
        self.types.append(message["type"])


async def a_token(scopes: list[Scope] | None, *, name: str = "mei") -> tuple[Any, str]:
    user = await User.objects.acreate(username=name)
    return await sync_to_async(services.token_create)(
        user=user, facts=RequestFacts(None, ""), days=1, scopes=scopes
    )


def with_header(token: str) -> dict[str, Any]:
    value = f"Bearer {token}".encode()
    return {
        "type": "websocket",
        "user": AnonymousUser(),
        "session": {},
        "headers": [(b"authorization", value)],
    }


async def test_a_token_in_the_header_is_its_person_until_it_is_revoked() -> None:
    row, token = await a_token([Scope.READ])
    seen: list[Any] = []

    async def application(inner: Any, _receive: Any, _send: Any) -> None:
        seen.append((inner["user"].username, may_listen(inner)))
        seen.append(await login_lives(inner))
        await sync_to_async(services.session_revoke)(session_id=row.id)
        seen.append(await login_lives(inner))

    await SessionRowScope(application)(with_header(token), None, Outgoing())
    assert seen == [("mei", True), True, False]


async def test_a_token_without_the_scope_read_hears_nothing() -> None:
    _row, token = await a_token([Scope.WRITE, Scope.OPERATE])
    heard: list[bool] = []

    async def application(inner: Any, _receive: Any, _send: Any) -> None:
        heard.append(may_listen(inner))

    await SessionRowScope(application)(with_header(token), None, Outgoing())
    assert heard == [False]


async def test_a_wrong_token_is_nobody_whatever_login_came_with_it() -> None:
    scope = await login() | {"headers": [(b"authorization", b"Bearer nonsense")]}
    assert isinstance(await user_behind(scope), AnonymousUser)


async def test_who_listens_is_noted_in_redis_as_long_as_it_lasts(
    redis_client: redis.Redis,
) -> None:
    scope = await login()
    key = f"ws:session:{scope['user'].pk}"
    noted: list[Any] = []

    async def application(_inner: Any, _receive: Any, send: Any) -> None:
        noted.append(redis_client.exists(key))
        await send({"type": "websocket.accept"})
        noted.append((redis_client.hgetall(key), redis_client.ttl(key)))

    await SessionRowScope(application)(scope, None, Outgoing())
    before, (values, life) = noted
    assert before == 0
    assert set(values) == {"connection_id", "connected_at", "last_ping"}
    assert 24 * 3600 - 60 < life <= 24 * 3600
    assert not redis_client.exists(key)


async def test_an_earlier_connection_does_not_remove_the_note_of_a_later_one(
    redis_client: redis.Redis,
) -> None:
    scope = await login()
    key = f"ws:session:{scope['user'].pk}"

    async def later(_inner: Any, _receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        redis_client.hset(key, "connection_id", "of-a-later-one")

    await SessionRowScope(later)(scope, None, Outgoing())
    assert redis_client.hget(key, "connection_id") == "of-a-later-one"


async def test_the_stream_takes_a_token_as_the_first_message(
    redis_client: redis.Redis,
) -> None:
    _row, token = await a_token([Scope.READ])
    for first, accepted in (
        (json.dumps({"token": token}), True),
        (json.dumps({"token": "nonsense"}), False),
        ("nonsense", False),
    ):
        page = Page(
            SessionRowScope(websocket_router),
            "/ws/signals/?after=nonsense",
            user=AnonymousUser(),
            session={},
            headers=[],
        )
        await page.connect()
        await page.say(first)
        # Past the login the cursor is looked at, which is wrong on purpose.
        assert await page.close_code() == (4400 if accepted else 4401)


async def test_a_program_that_says_nothing_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("signals_app.consumers.TOKEN_SECONDS", 0.05)
    page = Page(
        websocket_router,
        "/ws/signals/",
        user=AnonymousUser(),
        token=None,
        session={},
        headers=[],
    )
    await page.connect()
    assert await page.close_code() == 4401


@pytest.mark.parametrize("end", ["revoke", "others", "all", "close"])
async def test_a_connection_is_closed_as_soon_as_its_login_has_ended(
    redis_client: redis.Redis, end: str
) -> None:
    scope = await login()
    token = scope["session"][SESSION_TOKEN]
    page = Page(SessionRowScope(websocket_router), "/ws/signals/", **scope)
    await page.connect()
    user, row = scope["user"], await UserSession.objects.aget()
    await {
        "revoke": sync_to_async(partial(services.session_revoke, session_id=row.id)),
        "others": sync_to_async(
            partial(services.sessions_revoke_others, user=user, keep_token="another")
        ),
        "all": sync_to_async(partial(services.sessions_revoke_all, user=user)),
        "close": sync_to_async(partial(services.session_close, token=token)),
    }[end]()
    assert await page.close_code() == 4401
    await page.disconnect()


async def test_a_token_s_connection_is_closed_too_and_others_stay_open(
    redis_client: redis.Redis,
) -> None:
    row, token = await a_token([Scope.READ])
    people = {"user": AnonymousUser(), "session": {}, "headers": []}
    by_token = Page(SessionRowScope(websocket_router), "/ws/signals/", **people)
    await by_token.connect()
    await by_token.say(json.dumps({"token": token}))
    other = await login(name="tom")
    stays = Page(SessionRowScope(websocket_router), "/ws/signals/", **other)
    await stays.connect()
    await sync_to_async(services.session_revoke)(session_id=row.id)
    assert await by_token.close_code() == 4401
    assert await stays.hears_nothing()
    for page in (by_token, stays):
        await page.disconnect()


async def test_without_redis_a_connection_opens_all_the_same(
    settings: Settings,
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    scope = await login()
    page = Page(SessionRowScope(websocket_router), "/ws/signals/", **scope)
    await page.connect()
    await page.disconnect()


async def test_an_ending_that_comes_while_another_is_looked_up_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scope = await login()
    looking, answer = asyncio.Event(), asyncio.Event()
    looks: list[bool] = []

    async def look(inner: Any) -> bool:
        looks.append(await login_lives(inner))
        looking.set()
        await answer.wait()
        return looks[-1]

    monkeypatch.setattr(websocket, "login_lives", look)
    sent = Outgoing()
    noted = websocket._Noted(scope, sent)
    noted.hear(scope["user"].pk)
    await looking.wait()
    await UserSession.objects.all().adelete()
    noted.hear(scope["user"].pk)
    answer.set()
    assert noted._check is not None
    await asyncio.wait_for(noted._check, 20)
    assert looks == [True, False]
    assert sent.types == ["websocket.close"]


async def test_endings_are_heard_again_after_something_unforeseen(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_task, "AGAIN_SECONDS", 0.01)
    heard: asyncio.Queue[int | None] = asyncio.Queue()
    fails = [ValueError("what nobody thought of")]

    def listener(user_id: int | None) -> None:
        if fails:
            raise fails.pop()
        heard.put_nowait(user_id)

    endings = Endings()
    async with asyncio.timeout(20), endings.heard_by(listener):
        # It listens anew, and tells that some may have been missed.
        assert await heard.get() is None
        redis_client.publish(redis_keys.LOGINS_ENDED, 7)
        assert await heard.get() == 7
    assert not endings._reader.running
