"""The live log's WebSocket: for logged-in people, one reader for all, no database."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from freqtrade_mgmt import consumers
from freqtrade_mgmt.log_tail import hub
from freqtrade_mgmt.routing import urlpatterns
from signals_app.consumers import BROKEN, NOT_LOGGED_IN
from strategies.models import Strategy
from tests.websocket import Page, opening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)
PERSON = User(username="trader")
ROUTER = URLRouter(urlpatterns)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "LOOK_SECONDS", 0.02)


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    """The folder of the bot of strategy 1, as the supervisor leaves it."""
    settings.BTCW_HOME = tmp_path
    (tmp_path / "bots" / "1" / "logs").mkdir(parents=True)
    server = {"password": "api-password", "ws_token": "ws-token-1"}
    (tmp_path / "bots" / "1" / "config.json").write_text(
        json.dumps({"api_server": server})
    )
    return tmp_path / "bots" / "1"


@pytest.fixture
async def connect(folder: Path) -> AsyncIterator[Callable[..., Any]]:
    """Open the live log's WebSocket; all are closed in the end."""
    await Strategy.objects.acreate(pk=1, name="first")
    async with opening(ROUTER) as open_one:
        yield lambda pk=1, user=PERSON: open_one(f"/strategies/{pk}/log/", user)


def write(folder: Path, text: str, name: str = "freqtrade.log") -> None:
    with (folder / "logs" / name).open("a", encoding="utf-8") as file:
        file.write(text)


async def event(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await page.text())["event"]
    return found


def texts(found: dict[str, Any]) -> list[str]:
    return [line[4] for line in found["lines"]]


async def test_the_last_lines_of_both_logs_and_then_the_new_ones(
    connect: Callable[..., Any], folder: Path
) -> None:
    write(folder, "".join(f"line {n}\n" for n in range(300)))
    write(folder, "printed\n", "console.log")
    page = await connect()

    start = await event(page)
    assert start["start"]
    assert texts(start) == ["printed", *(f"line {n}" for n in range(100, 300))]
    assert [line[0] for line in start["lines"][:2]] == ["console", "log"]

    write(folder, "2026-11-22 12:00:01,000 - freqtrade - ERROR - boom\n")
    fresh = await event(page)
    assert not fresh["start"]
    ((source, level, time_ms, logger, text),) = fresh["lines"]
    assert (source, level, logger, text) == ("log", "ERROR", "freqtrade", "boom")
    assert isinstance(time_ms, int)


async def test_one_reader_serves_everybody_and_ends_with_the_last(
    connect: Callable[..., Any], folder: Path
) -> None:
    write(folder, "one\n")
    pages = [await connect() for _ in range(3)]
    for page in pages:
        assert texts(await event(page)) == ["one"]
    loop = asyncio.get_running_loop()
    assert len(hub._tails[loop]) == 1

    write(folder, "two\n")
    for page in pages:
        assert texts(await event(page)) == ["two"]
    late = await connect()
    assert texts(await event(late)) == ["one", "two"]

    for page in (*pages, late):
        await page.disconnect()
    assert hub._tails[loop] == {}


async def test_secrets_of_the_bot_never_reach_a_page(
    connect: Callable[..., Any], folder: Path
) -> None:
    write(folder, "said api-password and ?token=unknown-1\n")
    page = await connect()
    assert texts(await event(page)) == ["said *** and ?token=***"]

    # A new start has new secrets; the log goes on, and so do the old ones.
    (folder / "config.json").write_text(json.dumps({"secret": "another-one"}))
    write(folder, "another-one ws-token-1\n")
    assert texts(await event(page)) == ["*** ***"]


async def test_a_live_accounts_key_never_reaches_a_page(
    connect: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        consumers, "live_credentials", lambda _row: ("live-key-1", "live-secret-1")
    )
    write(folder, "live-key-1 live-secret-1\n")
    page = await connect()
    assert texts(await event(page)) == ["*** ***"]


async def test_a_flood_is_bounded_and_says_what_it_leaves_out(
    connect: Callable[..., Any], folder: Path
) -> None:
    write(folder, "quiet\n")
    page = await connect()
    await event(page)

    write(folder, "x" * 80 + "\n" + "".join(f"flood {n}\n" for n in range(99_999)))

    shown = left = 0
    text = ""
    while shown + left < 100_000:
        for _source, level, _time, _logger, text in (await event(page))["lines"]:
            shown, left = (
                (shown, left + int(text)) if level == "LEFT_OUT" else (shown + 1, left)
            )
    assert (shown + left, text) == (100_000, "flood 99998")
    assert shown <= 500


async def test_a_viewer_that_is_too_slow_gets_the_newest_lines_at_once() -> None:
    tail = hub.Tail(1)
    viewer = hub.Viewer(tail)
    assert json.loads(await viewer.get())["event"]["start"]
    for number in range(hub.QUEUE_LENGTH + 1):
        viewer.put(str(number))
    assert json.loads(await viewer.get())["event"]["start"]
    viewer.put("next")
    assert await viewer.get() == "next"


async def test_nobody_without_a_login_sees_a_log(connect: Callable[..., Any]) -> None:
    page = await connect(user=AnonymousUser())
    assert await page.close_code() == NOT_LOGGED_IN


async def test_a_strategy_that_does_not_exist_has_no_log(
    connect: Callable[..., Any],
) -> None:
    page = await connect(pk=2)
    assert await page.close_code() == consumers.NO_STRATEGY


async def test_an_open_log_ends_with_its_login(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = iter([True, False])
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(
        consumers, "login_lives", database_sync_to_async(lambda _scope: next(lives))
    )
    page = await connect()
    await event(page)
    assert (await event(page))["type"] == "heartbeat"
    assert await page.close_code() == NOT_LOGGED_IN


async def test_a_tail_asks_the_database_nothing(
    connect: Callable[..., Any], folder: Path
) -> None:
    page = await connect()
    await event(page)
    caught = CaptureQueriesContext(connection)
    await database_sync_to_async(caught.__enter__)()
    for number in range(5):
        write(folder, f"line {number}\n")
        assert texts(await event(page)) == [f"line {number}"]
    await database_sync_to_async(caught.__exit__)(None, None, None)
    assert len(caught) == 0


async def test_a_reader_that_breaks_ends_the_connection(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_tail: hub.Tail) -> list[Any]:
        raise RuntimeError("a fault")

    page = await connect()
    await event(page)
    monkeypatch.setattr(hub.Tail, "_look", broken)

    assert await page.close_code() == BROKEN


@pytest.mark.parametrize(
    "refusal",
    [ConnectionResetError("The page has gone."), RuntimeError("It was closed before.")],
    ids=["gone", "closed"],
)
async def test_a_log_that_broke_when_its_page_had_gone_ends_in_peace(
    folder: Path, monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    await Strategy.objects.acreate(pk=1, name="first")
    closed = asyncio.Event()

    async def broken(*_arguments: object) -> None:
        raise ValueError("broken")

    async def receive() -> dict[str, Any]:
        if not told:
            return {"type": "websocket.connect"}
        await closed.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(message: dict[str, Any]) -> None:
        told.append(message["type"])
        if message["type"] == "websocket.close":
            closed.set()
            raise refusal

    told: list[str] = []
    monkeypatch.setattr(consumers.LogConsumer, "_send_all", broken)
    scope = {"type": "websocket", "path": "/strategies/1/log/", "headers": []}
    async with asyncio.timeout(20):
        await ROUTER({**scope, "user": PERSON, "session": {}}, receive, send)

    assert told == ["websocket.accept", "websocket.close"]
    assert "live log" not in {task.get_name() for task in asyncio.all_tasks()}
