"""What tests with a supervisor and real freqtrade share."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from django.utils import timezone

from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.simulator import SimulatedExchange
from tests.freqtrade_mgmt.packages import PackageIndex, companions, tiny_freqtrade
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
    # Here each strategy has a process of its own; shared ones have tests of their own.
    settings.RUNNERS = False
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


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that pip is configured to take everything from."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    tiny_freqtrade(folder, "2026.8")
    tiny_freqtrade(folder, "2026.10")
    companions(folder)
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:  # noqa: TID251 - what the machine's pip is told
        monkeypatch.delenv(name)
    configuration = tmp_path / "pip.conf"
    configuration.write_text(f"[global]\nno-index = true\nfind-links = {folder}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    # The installer must not pass it on, or bots start slowly.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return folder


@pytest.fixture
def index(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PackageIndex]:
    """The same wheels as an index with a password, which pip is configured for."""
    with PackageIndex(wheels) as index:
        text = f"[global]\nindex-url = {index.url}\n"
        (tmp_path / "pip.conf").write_text(text)
        # What uv fetched from another test's index must not answer here.
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
        yield index


@pytest.fixture
def no_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every call of uv fail."""
    monkeypatch.setenv("UV_PYTHON_PREFERENCE", "there is no such value")
