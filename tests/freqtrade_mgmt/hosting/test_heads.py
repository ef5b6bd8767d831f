"""Whoever looks at one strategy alone knows with how many it shares its process."""

from __future__ import annotations

import os
from typing import Any

import psutil
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from freqtrade_mgmt.health.facts import gather_facts
from freqtrade_mgmt.health.subjects import subjects_read
from freqtrade_mgmt.supervisor.upgrade_records import health_subject
from strategies.models import Strategy, StrategyProcess

pytestmark = pytest.mark.django_db(transaction=True)


def made(name: str, status: str = "running", **more: Any) -> Strategy:
    """Make a strategy whose row says that it is in this very process."""
    strategy = Strategy.objects.create(
        name=name,
        status=status,
        config={"exchange": "binance", "pairs": ["A/B"], "timeframe": "1m"},
    )
    known = psutil.Process(os.getpid())
    usage = {
        "create_time": known.create_time(),
        "runner": "binance-1",
        "cpu_s": 0.0,
        "seen_at": timezone.now().timestamp() - 100,
    }
    StrategyProcess.objects.create(
        strategy=strategy, pid=known.pid, status="running", resource_usage=usage | more
    )
    return strategy


async def test_the_processor_is_divided_by_all_that_share_it(
    settings: Any, tmp_path: Any
) -> None:
    settings.BTCW_HOME = tmp_path
    first = await sync_to_async(made)("s0")
    # One that is on its way out is in it as well.
    await sync_to_async(made)("s1", "stopping")
    for number in range(2, 4):
        await sync_to_async(made)(f"s{number}")

    now = timezone.now()
    found = await sync_to_async(health_subject)(first.pk, now)
    assert found is not None
    subject, counts = found
    facts = (await gather_facts([subject], counts, now))[first.pk]

    assert facts.usage is not None
    assert facts.usage.heads == 4
    assert facts.cpu_percent == pytest.approx(facts.usage.cpu_s / 4, rel=0.05)


def test_what_has_ended_or_runs_elsewhere_is_not_counted() -> None:
    made("here", node="a")
    made("here too", node="a")
    made("elsewhere", node="b")
    made("other", runner="binance-2", node="a")
    made("own", runner="", node="a")
    StrategyProcess.objects.filter(strategy__name="here too").update(
        stop_time=timezone.now()
    )
    found = {one.name: one.process for one in subjects_read(timezone.now())}
    heads = {name: row.heads for name, row in found.items() if row is not None}
    assert heads == {"here": 1, "elsewhere": 1, "other": 1, "own": 1}
