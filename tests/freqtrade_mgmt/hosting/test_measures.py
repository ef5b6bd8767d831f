"""What a shared process uses is measured once, and divided among its strategies."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from freqtrade_mgmt.health.facts import gather_facts
from freqtrade_mgmt.health.subjects import subjects_read
from freqtrade_mgmt.health.usual import SignalCounter
from freqtrade_mgmt.health.writing import process_row
from freqtrade_mgmt.supervisor.hosting_memory import cpu_seconds, held_mb
from freqtrade_mgmt.supervisor.identity import ProcessKey
from monitoring.heartbeats.others import groups_here
from monitoring.heartbeats.sampling import GroupSampler
from strategies.models import Strategy, StrategyProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Forks once, holds 60 MB of its own in each, and uses a little of the processor.
FAMILY = """
import os, time
while time.process_time() < 0.3: pass
common = bytearray(b"x" * 40_000_000)
os.fork()
own = bytearray(b"y" * 20_000_000)
os.write(1, b"ready\\n")
time.sleep(300)
"""


@pytest.fixture
def family() -> Iterator[psutil.Process]:
    """A process with a child, which share memory."""
    child = subprocess.Popen(
        [sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, start_new_session=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == child.stdout.readline() == b"ready\n"
    main = psutil.Process(child.pid)
    members = [main, *main.children()]
    yield main
    for each in members:
        each.kill()
    child.wait()
    child.stdout.close()


def test_pages_that_a_family_shares_count_once(family: psutil.Process) -> None:
    held = held_mb(ProcessKey.of(family))
    # 40 MB in common, 20 MB each, and the interpreters.
    assert 80 < held < 115
    assert held_mb(ProcessKey(family.pid, 1.0)) == 0.0


def test_the_processor_of_all_members_is_counted(family: psutil.Process) -> None:
    seconds = cpu_seconds(ProcessKey.of(family))
    assert seconds is not None
    assert seconds > 0.25
    assert cpu_seconds(ProcessKey(family.pid, 1.0)) is None


@pytest.fixture
def shared(
    db: None, family: psutil.Process, settings: Any, tmp_path: Path
) -> list[Strategy]:
    """Three strategies whose rows say that they share the family."""
    settings.BTCW_HOME = tmp_path
    made = []
    for number, share in enumerate((10.0, 20.0, 70.0)):
        strategy = Strategy.objects.create(
            name=f"s{number}",
            status="running",
            config={"exchange": "binance", "pairs": ["A/B"], "timeframe": "1m"},
        )
        StrategyProcess.objects.create(
            strategy=strategy,
            pid=family.pid,
            status="running",
            resource_usage={
                "create_time": family.create_time(),
                "runner": "binance-1",
                "rss_mb": share,
                "cpu_s": 0.0,
                "seen_at": timezone.now().timestamp() - 10,
            },
        )
        made.append(strategy)
    return made


@pytest.mark.django_db(transaction=True)
async def test_health_gives_each_its_share(shared: list[Strategy]) -> None:
    now = timezone.now()
    subjects = await sync_to_async(subjects_read)(now)
    counts = await sync_to_async(SignalCounter().counts)(now)
    facts = await gather_facts(subjects, counts, now)

    found = {one.strategy_id: one for one in facts.values()}
    assert [
        found[each.pk].usage.rss_mb  # type: ignore[union-attr]
        for each in shared
    ] == [10.0, 20.0, 70.0]
    # A third of the processor for each of three.
    percents = [found[each.pk].cpu_percent for each in shared]
    assert max(percents) - min(percents) < 0.1
    assert 0.5 < percents[0] < 3
    # The share is the supervisor's to write.
    row = process_row(subjects[0], found[shared[0].pk], now + timedelta(seconds=1))
    assert row is not None
    assert "rss_mb" not in row["usage"]


def test_the_machines_figures_count_a_shared_process_once(
    shared: list[Strategy], family: psutil.Process
) -> None:
    found = groups_here()["freqtrade"]
    pids = [each.pid for each in found]
    assert sorted(pids) == sorted([family.pid, *(c.pid for c in family.children())])


def test_the_machines_figures_count_what_forks_share_once(
    shared: list[Strategy], family: psutil.Process
) -> None:
    usage = GroupSampler().sample({"freqtrade": groups_here()["freqtrade"]})
    # 40 MB in common and twice 20 MB; by itself each holds more than 60.
    assert 80 < usage["freqtrade"]["memory_mb"] < 118
