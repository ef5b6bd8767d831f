"""What tests of the runner's program have in common, for each module its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from freqtrade_mgmt.simulator import SimulatedExchange
from tests.freqtrade_mgmt.runner.running import RunningRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from freqtrade_mgmt.installer import InstalledFreqtrade


@pytest.fixture(scope="module")
def exchange() -> Iterator[SimulatedExchange]:
    with SimulatedExchange() as exchange:
        yield exchange


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all tests of a module."""
    return tmp_path_factory.mktemp("runner")


@pytest.fixture(scope="module")
def running(
    real_freqtrade: InstalledFreqtrade, root: Path
) -> Callable[..., RunningRunner]:
    """Make the runner of a module, with options; it is to be entered."""

    def made(*options: str) -> RunningRunner:
        folder = root / "runner"
        folder.mkdir()
        return RunningRunner(real_freqtrade.python, folder, *options)

    return made
