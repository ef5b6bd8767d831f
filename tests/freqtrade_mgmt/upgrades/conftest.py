"""Two installed releases, and trials that end as a test wishes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from freqtrade_mgmt.supervisor import upgrade_check
from freqtrade_mgmt.trial.verdict import Outcome, failed
from tests.freqtrade_mgmt.upgrading import NEW, OLD, World, installed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _home(
    settings: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    transactional_db: None,
) -> None:
    settings.BTCW_HOME = tmp_path
    settings.LANGUAGE_CODE = "en"
    installed(tmp_path / "freqtrade", OLD, NEW)
    caplog.set_level(logging.CRITICAL)


@pytest.fixture
def trials_end() -> asyncio.Event:
    """Trials last until this is set, which it is."""
    event = asyncio.Event()
    event.set()
    return event


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, trials_end: asyncio.Event) -> set[int]:
    """The strategies that do not load on the new version; trials are not made."""
    bad: set[int] = set()

    async def tried(strategy_id: int, _version: str, _in_thread: Any) -> Outcome:
        await trials_end.wait()
        if strategy_id in bad:
            return failed("load", problem="no such thing")
        return Outcome(passed=True)

    monkeypatch.setattr(upgrade_check, "_tried", tried)
    return bad


@pytest.fixture
async def world(failing: set[int]) -> AsyncIterator[World]:
    del failing
    world = World()
    yield world
    await world.upgrades.close()
