"""``manage.py freqtrade upgrade|rollback|check|history``, carried out while they wait."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from freqtrade_mgmt.supervisor import upgrade_check
from freqtrade_mgmt.trial.verdict import Outcome, failed
from tests.freqtrade_mgmt.upgrading import NEW, OLD, World, installed
from tests.strategies.pages import made, put

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from strategies.models import Strategy

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path, transactional_db: None) -> None:
    settings.BTCW_HOME = tmp_path
    settings.LANGUAGE_CODE = "en"
    installed(tmp_path / "freqtrade", OLD, NEW)


@pytest.fixture
def a() -> Strategy:
    """One strategy that runs."""
    return put(made("a"), "running")


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[None]:
    """The lock that tells that a supervisor runs."""
    (tmp_path / "run").mkdir()
    with (tmp_path / "run" / "supervisor.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
async def world(
    supervised: None, a: Strategy, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[World]:
    """A supervisor's part of an upgrade, going on beside the test."""
    del supervised, a
    caplog.set_level(logging.CRITICAL)
    world = World()

    async def tick_for_ever() -> None:
        while True:
            await world.tick()
            await asyncio.sleep(0.05)

    task = asyncio.create_task(tick_for_ever())
    yield world
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await world.upgrades.close()


async def said(*arguments: str) -> str:
    """Run the command in a thread of its own and return what it printed."""

    def run() -> str:
        output = io.StringIO()
        try:
            call_command("freqtrade", *arguments, stdout=output)
        finally:
            connections.close_all()
        return output.getvalue()

    async with asyncio.timeout(60):
        return await asyncio.to_thread(run)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether strategies load; what a test puts here counts."""
    answers = [True]

    async def tried(*_arguments: Any) -> Outcome:
        good = Outcome(passed=True)
        return good if answers[-1] else failed("load", problem="no such thing")

    monkeypatch.setattr(upgrade_check, "_tried", tried)
    return answers


@pytest.mark.usefixtures("loads")
async def test_an_upgrade_and_the_way_back_are_told_step_by_step(world: World) -> None:
    text = await said("upgrade", NEW, "--watch", "0", "--canary", "a", "--yes")
    for words in (
        f"freqtrade {OLD} → {NEW} was asked for.",
        f"a loads in freqtrade {NEW}.",
        f"a goes first, to freqtrade {NEW}.",
        f"freqtrade {NEW} is the current version; 1 strategies were moved.",
    ):
        assert text.count(words) == 1, text
    assert list(world.moves()[-1].values()) == [NEW]

    listed = json.loads(await said("history", "--json"))
    assert [(each["to_version"], each["status"]) for each in listed] == [
        (NEW, "completed")
    ]
    found = json.loads(await said("rollback", "--json"))
    assert found["status"] == "rolled_back"
    assert list(world.moves()[-1].values()) == [OLD]
    assert "rolled_back" in await said("history")
    with pytest.raises(CommandError, match="no upgrade to go back from"):
        await said("rollback")


@pytest.mark.usefixtures("world")
async def test_what_does_not_load_ends_the_command_with_an_error(
    loads: list[bool],
) -> None:
    assert "1 of 1 strategies load" in await said("check", NEW)
    loads.append(False)
    with pytest.raises(CommandError, match="0 of 1 strategies load"):
        await said("check", NEW)
    with pytest.raises(CommandError, match="Nothing was moved"):
        await said("upgrade", NEW, "--watch", "0", "--yes")


async def test_without_a_supervisor_nothing_is_asked_for(a: Strategy) -> None:
    del a
    with pytest.raises(CommandError, match="No supervisor runs"):
        await said("upgrade", NEW, "--yes")
    assert json.loads(await said("history", "--json")) == []
    assert "no upgrade yet" in await said("history")


@pytest.mark.usefixtures("world")
async def test_what_cannot_be_asked_for_is_refused_in_words() -> None:
    for arguments, words in (
        (("upgrade", "2020.1", "--yes"), "not installed"),
        (("upgrade", OLD, "--yes"), "current version already"),
        (("upgrade", NEW, "--yes", "--canary", "nobody"), "no strategy named 'nobody'"),
        (("upgrade", NEW), "Add --yes"),
        (("rollback", "4711"), "no upgrade or downgrade with the number 4711"),
        (("check", "latest"), "not a version"),
    ):
        with pytest.raises(CommandError, match=words):
            await said(*arguments)
