"""What tests with a supervisor and real freqtrade share."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from django.utils import timezone

from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.simulator import SimulatedExchange
from tests.freqtrade_mgmt.supervising import carrying

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis

    from freqtrade_mgmt.installer import InstalledFreqtrade


@pytest.fixture
def exchange() -> Iterator[SimulatedExchange]:
    """The simulated exchange, on loopback."""
    with SimulatedExchange() as simulated:
        yield simulated


@pytest.fixture
def system(
    real_freqtrade: InstalledFreqtrade,
    exchange: SimulatedExchange,
    redis_client: redis.Redis,
    settings: Any,
    tmp_path: Path,
) -> Iterator[None]:
    """A home of its own, the simulated exchange, freqtrade recorded as installed."""
    settings.BTCW_HOME = tmp_path
    settings.SIMULATOR_URL = exchange.url
    FreqtradeVersion.objects.create(
        version=real_freqtrade.version,
        is_installed=True,
        install_date=timezone.now(),
        install_path=str(real_freqtrade.path),
    )
    yield
    # A test that failed may leave a bot behind, which would run for ever.
    for bot in carrying(settings.BTCW_HOME):
        with contextlib.suppress(psutil.Error):
            bot.kill()
