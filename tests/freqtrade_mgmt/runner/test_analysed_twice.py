"""What an analysis is told as, also when its candle was in the analysis before it.

A candle that comes between the queueing of an analysis and its turn is in that one
already, so that nothing is left for the analysis that is queued for it.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import pytest

from freqtrade_mgmt.simulator import SimulatedExchange
from tests.freqtrade_mgmt.runner.running import PROGRAM, Face
from tests.freqtrade_mgmt.runner.sources import plain, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from freqtrade_mgmt.installer import InstalledFreqtrade

pytestmark = [pytest.mark.freqtrade, pytest.mark.timeout(600)]
SCRIPT: Final = Path(__file__).with_name("one_worker.py")
PAIR, OTHER = "BTC/USDT", "ETH/USDT"

RAISES = """
    def populate_indicators(self, dataframe, metadata):
        dataframe["ema"] = ta.EMA(dataframe, timeperiod=9)
        if {when}:
            raise ValueError("boom")
        return dataframe
"""
# Says something while it is loaded, and then nothing at all.
SILENT = """
    def bot_start(self, **kwargs):
        import logging
        logging.getLogger("mine").warning("something else")

    def analyze_pair(self, pair):
        pass

    def populate_indicators(self, dataframe, metadata):
        return dataframe
"""


class OneWorker:
    """A real worker without a hub. Use as a context manager."""

    def __init__(self, python: Path, folder: Path, face: Face) -> None:
        script = ["-I", "-B", str(SCRIPT), str(PROGRAM)]
        paths = [str(face.paths.config), str(face.paths.folder)]
        self._command = [str(python), *script, *paths]
        self._folder = folder
        self._errors = folder / "errors.log"
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env={"PATH": "/usr/bin:/bin", "HOME": str(self._folder)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        return self

    def __exit__(self, *_details: object) -> None:
        self._process.communicate()

    def send(self, do: str, **values: Any) -> None:
        """Send what is not answered."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": do, **values}) + "\n")
        self._process.stdin.flush()

    def ask(self, do: str, **values: Any) -> dict[str, Any]:
        """Send what is answered, and return the answer."""
        assert self._process.stdout
        self.send(do, task=next(self._numbers), **values)
        line = self._process.stdout.readline()
        assert line, self._errors.read_text()
        said: dict[str, Any] = json.loads(line)
        return said

    def candles(self, minutes: int) -> None:
        """Let it have that many candles of each pair."""
        about = {"born_ms": 1, "calls": 1, "limit": 1000, "keep": 1000}
        for pair in (PAIR, OTHER):
            self.send("candles", key=[pair, "1m", "spot"], minutes=minutes, **about)


class Loaded:
    """A strategy in the worker."""

    def __init__(self, worker: OneWorker, face: Face) -> None:
        self._worker = worker
        self.face = face
        said = worker.ask(
            "load",
            stand=face.strategy_id,
            strategy_id=face.strategy_id,
            config=str(face.paths.config),
            userdir=str(face.paths.folder),
            log=str(face.paths.log),
            since_ms=0,
        )
        assert "facts" in said, said

    def analyse(self, pair: str = PAIR) -> dict[str, Any]:
        """Analyse a pair as the hub has it done."""
        number = self.face.strategy_id
        return self._worker.ask("analyse", stand=number, pair=pair)


@pytest.fixture(scope="module")
def face(root: Path) -> Iterator[Callable[[str], Face]]:
    numbers = itertools.count(1)
    with SimulatedExchange() as exchange:

        def made(code: str) -> Face:
            number = next(numbers)
            folder = root / str(number)
            return Face.made(folder, exchange.url, code, "Mine", strategy_id=number)

        yield made


@pytest.fixture(scope="module")
def worker(
    real_freqtrade: InstalledFreqtrade, root: Path, face: Callable[[str], Face]
) -> Iterator[OneWorker]:
    with OneWorker(real_freqtrade.python, root, face(plain(5))) as one:
        yield one


@pytest.fixture
def load(worker: OneWorker, face: Callable[[str], Face]) -> Callable[[str], Loaded]:
    return lambda code: Loaded(worker, face(code))


def test_a_candle_that_was_in_the_analysis_before_is_done_and_told_once(
    worker: OneWorker, load: Callable[[str], Loaded]
) -> None:
    strategy = load(plain(5))
    worker.candles(100)
    assert outcome(strategy.analyse()) == (True, 1)
    # It comes before the turn of an analysis that was queued without it.
    worker.candles(101)
    assert outcome(strategy.analyse()) == (True, 1)
    # The one that is queued for it finds nothing to do, as often as it happens.
    for _ in range(3):
        assert outcome(strategy.analyse()) == (True, 0)
    worker.candles(102)
    assert outcome(strategy.analyse()) == (True, 1)
    assert " - WARNING - Unable" not in strategy.face.log()


def test_each_pair_has_its_own_newest_candle(
    worker: OneWorker, load: Callable[[str], Loaded]
) -> None:
    strategy = load(source(RAISES.format(when=f"metadata['pair'] == '{OTHER}'")))
    worker.candles(100)
    assert [outcome(strategy.analyse(PAIR)) for _ in range(2)] == [(True, 1), (True, 0)]
    assert [outcome(strategy.analyse(OTHER)) for _ in range(2)] == [(False, 0)] * 2


def test_a_strategy_that_raises_is_told_as_failed_each_time(
    worker: OneWorker, load: Callable[[str], Loaded]
) -> None:
    strategy = load(source(RAISES.format(when="True")))
    for minutes in (100, 100, 101):
        worker.candles(minutes)
        said = strategy.analyse()
        assert outcome(said) == (False, 0)
        assert PAIR in said["message"]
        assert "boom" in said["message"]


def test_a_strategy_that_raises_on_its_second_candle_only_is_told_as_failed(
    worker: OneWorker, load: Callable[[str], Loaded]
) -> None:
    strategy = load(source(RAISES.format(when="len(dataframe) == 101")))
    worker.candles(100)
    assert outcome(strategy.analyse()) == (True, 1)
    worker.candles(101)
    for _ in range(2):
        said = strategy.analyse()
        assert outcome(said) == (False, 0)
        assert "boom" in said["message"]
    worker.candles(102)
    assert outcome(strategy.analyse()) == (True, 1)


def test_an_analysis_without_result_says_so_when_nothing_was_raised(
    worker: OneWorker, load: Callable[[str], Loaded]
) -> None:
    strategy = load(source(SILENT))
    assert "something else" in strategy.face.log()
    worker.candles(100)
    said = strategy.analyse()
    assert outcome(said) == (False, 0)
    assert said["message"] == f"The analysis of {PAIR} gave no result."


def outcome(said: dict[str, Any]) -> tuple[bool, int]:
    """Tell whether it was done, and how many results the strategy has sent."""
    return said["ok"], said["analysed"]
