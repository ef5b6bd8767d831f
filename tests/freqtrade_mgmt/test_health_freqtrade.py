"""A health round over real freqtrade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from freqtrade_mgmt.bot_config import bot_folder_read
from freqtrade_mgmt.health.round import strategy_health_round
from freqtrade_mgmt.supervisor.records import bot_folder
from strategies.services import strategy_start
from tests.freqtrade_mgmt.supervising import demo, is_running, supervising, until

if TYPE_CHECKING:
    from freqtrade_mgmt.installer import InstalledFreqtrade
    from strategies.models import Strategy

pytestmark = [
    pytest.mark.freqtrade,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("system"),
]


def looked_at(strategy: Strategy) -> dict[str, Any]:
    """Do a round and return what it found."""
    strategy_health_round(timezone.now())
    strategy.refresh_from_db()
    found: dict[str, Any] = strategy.health_metrics["health"]
    return found


async def test_a_real_bot_is_known_in_full(real_freqtrade: InstalledFreqtrade) -> None:
    strategy = await sync_to_async(demo)()
    await sync_to_async(strategy_start)(strategy.pk)
    async with supervising():
        await until(lambda: is_running(strategy), "running")
        # The newest candles are written some seconds after they are seen.
        found = await until(
            lambda: (found := looked_at(strategy))["newest_candle"] and found, "candles"
        )
        assert found["bot_state"] == "RUNNING"
        assert found["freqtrade_version"] == real_freqtrade.version
        assert set(found["pairs"]) == set(strategy.config["pairs"])
        assert all(age < 120 for age in found["pairs"].values())
        assert found["last_process_age_s"] < 30
        assert 50 < found["rss_mb"] < 1000
        assert (found["level"], found["reasons"]) == ("good", [])

        identity = bot_folder_read(bot_folder(strategy.pk))
        who = identity.credentials
        async with aiohttp.ClientSession(
            headers={
                "Authorization": aiohttp.encode_basic_auth(who.username, who.password)
            }
        ) as session:
            url = f"http://127.0.0.1:{identity.port}/api/v1/stop"
            async with session.post(url) as answer:
                assert answer.status == 200

        stopped = await until(
            lambda: (found := looked_at(strategy))["bot_state"] == "STOPPED" and found,
            "a stopped bot",
        )
        assert stopped["level"] == "bad"
        assert stopped["reasons"][0]["code"] == "not_running"
