"""What a strategy has changed for all while it was loaded is not there for its neighbour."""

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

# Shows in its frames what another one may have changed.
SHOWS = """
    def populate_indicators(self, dataframe, metadata):
        dataframe["ema"] = ta.EMA(dataframe, timeperiod=9)
        dataframe["divides"] = np.geterr()["divide"]
        dataframe["patched"] = "yes" if hasattr(ta, "patched") else "no"
        return dataframe
"""
CHANGES = (
    "import numpy as np, talib.abstract as ta; np.seterr(all='raise'); ta.patched = 1\n"
)


@pytest.fixture(scope="module")
def runner(running: Callable[..., RunningRunner]) -> Iterator[RunningRunner]:
    with running("--workers", "1") as runner:
        yield runner


@pytest.fixture(scope="module")
def neighbour(runner: RunningRunner, root: Path, exchange: SimulatedExchange) -> Face:
    face = Face.made(root / "1", exchange.url, source(SHOWS), "Mine")
    assert runner.load(face)["ok"]
    wait_until(face.analysed, 90, runner.log)
    return face


def shown(face: Face) -> set[tuple[str, str]]:
    """Return what stands in the newest row of each pair."""
    found = set()
    for pair in face.spec.pairs:
        frame = face.frame(pair, 1)
        row = dict(zip(frame["columns"], frame["data"][-1], strict=True))
        found.add((row["divides"], row["patched"]))
    return found


def times_replaced(runner: RunningRunner) -> int:
    return runner.log().count("has changed what all share; its worker is replaced")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (11, CHANGES + plain(5)),
        (12, f"{CHANGES}import no_such_module\n{plain(5)}"),
    ],
    ids=["refused", "failed"],
)
def test_a_neighbour_goes_on_in_a_process_without_its_changes(
    runner: RunningRunner,
    neighbour: Face,
    root: Path,
    exchange: SimulatedExchange,
    number: int,
    code: str,
) -> None:
    before, analyses = times_replaced(runner), runner.told(1)["analyses"]
    folder = root / str(number)
    face = Face.made(folder, exchange.url, code, "Mine", strategy_id=number)
    assert runner.load(face)["ok"]
    wait_until(lambda: times_replaced(runner) == before + 1, 20, runner.log)
    # Each pair once more, in another process.
    wait_until(
        lambda: runner.told(1)["analyses"] >= analyses + len(neighbour.spec.pairs),
        60,
        runner.log,
    )
    wait_until(neighbour.analysed, 30, runner.log)
    assert shown(neighbour) == {("warn", "no")}
    assert runner.told(1)["state"] == "running"
    assert runner.do("unload", strategy_id=number)["ok"]


def test_one_that_only_fails_costs_its_neighbours_nothing(
    runner: RunningRunner, neighbour: Face, root: Path, exchange: SimulatedExchange
) -> None:
    before = times_replaced(runner)
    code = f"import no_such_module\n{plain(5)}"
    face = Face.made(root / "13", exchange.url, code, "Mine", strategy_id=13)
    assert runner.load(face)["ok"]
    assert runner.wait_for(13, "failed", 60)["error"] == "load"
    # Answered after whatever would have followed from that.
    assert runner.do("unload", strategy_id=13)["ok"]
    assert times_replaced(runner) == before
    assert neighbour.analysed()
