"""A release that another node has installed is installed here by itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.selectors import environment_python
from freqtrade_mgmt.supervisor import local_release, records
from freqtrade_mgmt.supervisor.local_release import LocalReleases, ReleaseMissingError
from strategies.services import strategy_start
from tests.freqtrade_mgmt.supervising import demo

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client", "wheels"),
]
VERSION = "2026.10"


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await sync_to_async(function)(*arguments)


def begun(releases: LocalReleases) -> asyncio.Task[None] | None:
    return releases._task


@pytest.fixture
async def job(settings: Any, tmp_path: Path) -> records.Job:
    """How to run a strategy whose release lies on another machine."""
    settings.BTCW_HOME = tmp_path / "home"
    await FreqtradeVersion.objects.acreate(
        version=VERSION,
        is_installed=True,
        install_date=timezone.now(),
        install_path="/somewhere/else/2026.10",
    )
    strategy = await sync_to_async(demo)()
    await sync_to_async(strategy_start)(strategy.pk)
    return await sync_to_async(records.job)(strategy.pk)


@pytest.fixture(autouse=True)
def _newest(monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise the index is asked for the day of the release.
    monkeypatch.setattr(local_release, "is_newest", lambda _version: True)


async def test_a_strategy_waits_until_its_release_lies_here(job: records.Job) -> None:
    releases = LocalReleases(in_thread)
    assert not await asyncio.to_thread(job.python.exists)
    with pytest.raises(ReleaseMissingError, match="being installed"):
        await releases.found(job)
    assert job.watched.strategy_id in releases.waiting
    assert releases._task is not None
    await releases._task
    found = await releases.found(job)
    assert await asyncio.to_thread(found.python.exists)
    assert releases.waiting == {}
    # Whoever asks from now on is told of this one; the row is another machine's.
    _version, python = await sync_to_async(environment_python)(VERSION)
    assert python == found.python
    row = await FreqtradeVersion.objects.aget()
    assert row.install_path == "/somewhere/else/2026.10"
    await releases.close()


async def test_what_bots_of_other_nodes_need_is_installed_ahead(
    job: records.Job, settings: Any
) -> None:
    releases = LocalReleases(in_thread)
    await releases.tick(alone=True)
    assert begun(releases) is None
    await releases.tick(alone=False)
    task = begun(releases)
    assert task is not None
    await task
    place = settings.BTCW_HOME / "freqtrade" / VERSION / "bin" / "python"
    assert await asyncio.to_thread(place.exists)
    assert await sync_to_async(local_release.releases_missing)() == []


async def test_a_release_that_cannot_be_installed_is_told(job: records.Job) -> None:
    releases = LocalReleases(in_thread)
    absent = replace(job, freqtrade_version="2026.11", python=Path("/nowhere"))
    with pytest.raises(ReleaseMissingError):
        await releases.found(absent)
    assert releases._task is not None
    await releases._task
    with pytest.raises(ConfigurationError, match="could not be installed"):
        await releases.found(absent)
