"""Who looks at signals: a viewer, unless a module has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from accounts.roles import Role
from signals_app.feed import hub, publisher
from tests.signals_app.feed_pages import PERSON, ROUTER
from tests.test_access import a_person
from tests.websocket import opening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import redis
    from django.test import Client

    from accounts.models import User


@pytest.fixture
def user(db: None) -> User:
    return a_person(Role.VIEWER, "trader")


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


@pytest.fixture
def fresh_feed(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """A live feed in which nothing was said yet, and which does not wait for long."""
    monkeypatch.setattr(publisher._missed, "events", False)
    # One hub a test: each test has an event loop of its own.
    monkeypatch.setattr(hub, "BLOCK_MS", 50)


@pytest.fixture
async def connect(fresh_feed: None) -> AsyncIterator[Callable[..., Any]]:
    """Open the page's WebSocket on the live feed; all are closed in the end."""
    async with opening(ROUTER) as open_one:
        yield lambda after="", user=PERSON: open_one(
            f"/signals/?after={quote(after)}", user
        )
