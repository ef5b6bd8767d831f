"""Strategies whose loading takes long: unloaded meanwhile, and beside others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.freqtrade_mgmt.runner.running import Face, RunningRunner, wait_until
from tests.freqtrade_mgmt.runner.sources import plain, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from freqtrade_mgmt.simulator import SimulatedExchange


pytestmark = [pytest.mark.freqtrade, pytest.mark.timeout(600)]

# Its start says that it has begun, and waits until it may go on.
SLOW = """
    def bot_start(self, **kwargs):
        import time
        from pathlib import Path
        Path("{folder}/begun").touch()
        while not Path("{folder}/go").exists():
            time.sleep(0.01)

    def populate_indicators(self, dataframe, metadata):
        dataframe["ema"] = ta.EMA(dataframe, timeperiod=9)
        return dataframe
"""


class Slow:
    """A strategy that is loaded for as long as a test wants."""

    def __init__(self, folder: Path, exchange_url: str, number: int) -> None:
        code = source(SLOW.format(folder=folder))
        self.face = Face.made(folder, exchange_url, code, "Mine", strategy_id=number)
        self._folder = folder

    def begun(self) -> bool:
        """Tell whether its start runs."""
        return (self._folder / "begun").exists()

    def go(self) -> None:
        """Let its start end."""
        (self._folder / "go").touch()


@pytest.fixture(scope="module")
def runner(running: Callable[..., RunningRunner]) -> Iterator[RunningRunner]:
    """One with a single worker, in which everybody waits for everybody."""
    with running("--workers", "1", "--analysis-seconds", "5") as runner:
        yield runner


@pytest.fixture(scope="module")
def good(runner: RunningRunner, root: Path, exchange: SimulatedExchange) -> Face:
    """The neighbour."""
    face = Face.made(root / "1", exchange.url, plain(9), "Mine")
    assert runner.load(face)["ok"]
    wait_until(face.analysed, 90, runner.log)
    return face


@pytest.fixture
def slow(
    runner: RunningRunner, good: Face, tmp_path: Path, exchange: SimulatedExchange
) -> Callable[[int], Slow]:
    def made(number: int) -> Slow:
        one = Slow(tmp_path / str(number), exchange.url, number)
        assert runner.load(one.face)["ok"]
        wait_until(one.begun, 30, runner.log)
        return one

    return made


def test_one_that_is_unloaded_while_it_is_loaded_and_loaded_again_is_analysed(
    runner: RunningRunner, slow: Callable[[int], Slow], good: Face
) -> None:
    one = slow(17)
    assert runner.do("unload", strategy_id=17)["ok"]
    assert runner.load(one.face)["ok"]
    one.go()
    wait_until(one.face.analysed, 60, runner.log)
    assert runner.told(17)["state"] == "running"
    assert runner.told(17)["analyses"] >= len(one.face.spec.pairs)
    assert runner.do("unload", strategy_id=17)["ok"]
    assert good.analysed()


def test_a_slow_load_keeps_its_neighbours_waiting_no_longer_than_an_analysis(
    runner: RunningRunner, slow: Callable[[int], Slow], good: Face
) -> None:
    one = slow(18)
    wait_until(lambda: "Strategy 18 loads slowly" in runner.log(), 20, runner.log)
    # It still loads, and the other one is analysed anew.
    wait_until(good.analysed, 20, runner.log)
    assert runner.told(good.strategy_id)["state"] == "running"
    assert runner.told(18)["state"] == "loading"
    one.go()
    wait_until(one.face.analysed, 60, runner.log)
    assert runner.do("unload", strategy_id=18)["ok"]
