"""A strategy's own modules, and what its analyses change for all; in a real worker."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from freqtrade_mgmt.simulator import SimulatedExchange
from tests.freqtrade_mgmt.runner.running import Face
from tests.freqtrade_mgmt.runner.sources import plain, source
from tests.freqtrade_mgmt.runner.test_analysed_twice import PAIR, OneWorker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freqtrade_mgmt.installer import InstalledFreqtrade

pytestmark = [pytest.mark.freqtrade, pytest.mark.timeout(600)]

BODY = """
    def bot_start(self, **kwargs):
        {start}

    def populate_indicators(self, dataframe, metadata):
        dataframe["ema"] = ta.EMA(dataframe, timeperiod=9)
        {work}
        return dataframe
"""


def code(work: str = "pass", *, start: str = "pass", top: str = "") -> str:
    """Return a strategy with lines at its top, in its start and in its analysis."""
    return f"{top}\n{source(BODY.format(work=work, start=start))}"


class Tried:
    """Loads strategies into a worker, each with other modules of its own."""

    def __init__(self, worker: OneWorker, root: Path, url: str) -> None:
        self._worker, self._root, self._url = worker, root, url
        self._numbers = itertools.count(1)
        self.number = 0

    def load(self, text: str, **modules: str) -> dict[str, Any]:
        self.number = next(self._numbers)
        folder = self._root / str(self.number)
        face = Face.made(folder, self._url, text, "Mine", strategy_id=self.number)
        for name, module in modules.items():
            file = face.paths.folder / "strategies" / f"{name.replace('__', '/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(module)
        return self._worker.ask(
            "load",
            stand=self.number,
            strategy_id=self.number,
            config=str(face.paths.config),
            userdir=str(face.paths.folder),
            log=str(face.paths.log),
            since_ms=0,
        )

    def analyse(self, number: int | None = None) -> dict[str, Any]:
        number = number or self.number
        return self._worker.ask("analyse", stand=number, pair=PAIR)


@pytest.fixture(scope="module")
def worker(
    real_freqtrade: InstalledFreqtrade, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[OneWorker, Tried]]:
    root = tmp_path_factory.mktemp("own-modules")
    with SimulatedExchange() as exchange:
        face = Face.made(root / "opened", exchange.url, plain(5), "Mine")
        with OneWorker(real_freqtrade.python, root, face) as one:
            yield one, Tried(one, root, exchange.url)


@pytest.fixture
def tried(worker: tuple[OneWorker, Tried]) -> Tried:
    worker[0].candles(100)
    return worker[1]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            "import freqtrade.persistence as p\nopen_ = p.Trade.get_open_trades",
            "(Trade, line 2)",
        ),
        ("from freqtrade.persistence import Trade as T", "(Trade, line 1)"),
        ("import threading", "threads or processes"),
        ("import pandas as pd\npd.DataFrame.mine = 1", "pandas.DataFrame.mine"),
    ],
)
@pytest.mark.parametrize("how", ["import mine_helper", "from mine_helper import *"])
def test_what_a_module_of_its_own_needs_is_needed_by_the_strategy(
    tried: Tried, module: str, message: str, how: str
) -> None:
    said = tried.load(code(top=how), mine_helper=module)
    assert said["error"] == "needs_bot", said
    assert message in said["message"]


def test_a_module_that_its_module_imports_is_looked_at_too(tried: Tried) -> None:
    said = tried.load(
        code(top="import first"), first="import second", second="import subprocess"
    )
    assert (said["error"], "subprocess" in said["message"]) == ("needs_bot", True)


def test_a_module_that_looks_at_other_pairs_makes_the_strategy_wait_for_them(
    tried: Tried,
) -> None:
    looks = "def f(s):\n    return s.dp.get_pair_dataframe('BTC/USDT', '1m')\n"
    said = tried.load(code(top="from mine_helper import f"), mine_helper=looks)
    assert said["facts"]["alone"] is False
    said = tried.load(code(top="from mine_helper import f"), mine_helper="f = 1\n")
    assert said["facts"]["alone"] is True


def test_each_strategy_has_its_own_module_also_below_a_folder_without_a_file(
    tried: Tried,
) -> None:
    """The folder is a module as well, which remembers what was imported from it."""
    text = code(
        "dataframe['x'] = x; assert x == {}", top="from parts import one; x = one.X"
    )
    numbers = []
    for value in (1, 2):
        said = tried.load(text.replace("{}", str(value)), parts__one=f"X = {value}")
        assert "facts" in said, said
        numbers.append(tried.number)
    assert [tried.analyse(number)["ok"] for number in numbers] == [True, True]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("getattr(np, 'set' + 'err')(all='raise')", "NumPy's handling of errors"),
        ("getattr(pd, 'set_' + 'option')('mode.copy_on_write', 'warn')", "pandas"),
        ("import logging; d = logging.root.manager; d.disable = 50", "logged"),
        ("import logging; r = logging.getLogger(); r.setLevel(50)", "logged"),
        ("import logging; r = logging.getLogger(); r.handlers = []", "logged"),
    ],
)
def test_what_all_share_is_put_back_and_told_when_it_is_changed(
    tried: Tried, line: str, what: str
) -> None:
    good = tried.load(plain(5))
    assert "facts" in good
    number = tried.number
    said = tried.load(code(start=line))
    assert (said["error"], what in said["message"]) == ("needs_bot", True), said
    said = tried.load(code(line))
    assert "facts" in said, said
    said = tried.analyse()
    assert (said["error"], what in said["message"]) == ("needs_bot", True), said
    # Nobody else is blamed for it.
    assert tried.analyse(number)["ok"]


LATER = """
    def {name}(self, *arguments, **named):
        getattr(np, 'set' + 'err')(all='raise')
        return []
"""


@pytest.mark.parametrize(
    ("name", "asked"), [("informative_pairs", "load"), ("bot_loop_start", "loop")]
)
def test_what_its_other_callbacks_change_is_put_back_and_told_too(
    worker: tuple[OneWorker, Tried], tried: Tried, name: str, asked: str
) -> None:
    text = code().replace(
        "    def bot_start", f"{LATER.format(name=name)}\n    def bot_start"
    )
    said = tried.load(text)
    if asked == "loop":
        assert "facts" in said, said
        said = worker[0].ask("loop", stand=tried.number)
    assert said["error"] == "needs_bot", said
    assert "NumPy's handling of errors" in said["message"]
    assert "facts" in tried.load(plain(5))
    assert tried.analyse()["ok"]


@pytest.mark.parametrize(
    ("top", "spoiled"),
    [
        ("import talib.abstract as t; t.patched = 1", True),
        ("import numpy; numpy.seterr(all='raise')", True),
        ("import no_such_module, talib.abstract as t; t.patched = 1", True),
        ("import no_such_module", False),
        ("import threading", False),
    ],
)
def test_a_load_that_failed_tells_whether_it_left_something_for_the_others(
    tried: Tried, top: str, *, spoiled: bool
) -> None:
    said = tried.load(code(top=top))
    assert (said["error"] in {"load", "needs_bot"}, said["spoiled"]) == (True, spoiled)
    assert "facts" in tried.load(plain(5))


def test_how_frames_are_shown_and_whether_pandas_warns_is_nobody_s_business(
    tried: Tried,
) -> None:
    top = "import pandas as pd\npd.set_option('display.max_rows', 7)\n"
    said = tried.load(code(top=f"{top}pd.options.mode.chained_assignment = None"))
    assert "facts" in said, said
    assert tried.analyse()["ok"]


def test_a_module_that_comes_while_it_analyses_is_looked_at_then(tried: Tried) -> None:
    late = "import sys, pathlib; sys.path.insert(0, str(pathlib.Path(__file__).parent))"
    work = f"{late}; import late_helper"
    assert "facts" in tried.load(code(work), late_helper="X = 1")
    assert tried.analyse()["ok"]
    looks = "def f(s): return s.dp"
    assert "facts" in tried.load(code(work), late_helper=looks)
    said = tried.analyse()
    assert said["error"] == "needs_bot"
    assert "late_helper.py" in said["message"]


def test_a_pair_whose_candles_are_all_older_than_the_strategy_s_own_is_no_failure(
    worker: tuple[OneWorker, Tried], tried: Tried
) -> None:
    """A bot that starts now gets none of a pair that was halted months ago."""
    assert "facts" in tried.load(plain(5))
    about = {"born_ms": -1, "calls": 1, "limit": 300, "keep": 300, "minutes": 100}
    worker[0].send("candles", key=[PAIR, "1m", "spot"], **about)
    said = tried.analyse()
    assert (said["ok"], said["analysed"]) == (True, 0), said
