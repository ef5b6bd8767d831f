"""What in a source changes everybody's process, and what only looks like it. Pure."""

from __future__ import annotations

from typing import Final

import pytest

from freqtrade_mgmt.blueprints import blueprint_code, blueprints
from freqtrade_mgmt.demo import DEMO_STRATEGIES, DemoStrategy, demo_source
from freqtrade_mgmt.runner.detect import of_source
from tests.freqtrade_mgmt.runner import sources

HEAD: Final = """
import logging, os, random, sys, warnings
import numpy as np, pandas as pd
import talib.abstract as ta
from logging import disable as quiet
from pandas import DataFrame, options
class Mine:
"""
LINE: Final = HEAD.count("\n") + 2


def method(line: str) -> str:
    """Return a source with a line in a method."""
    return f"{HEAD}    def populate_indicators(self, dataframe, metadata):\n        {line}\n"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("pd.DataFrame.rolling = lambda *a: None", "pandas.DataFrame.rolling"),
        ("DataFrame.mine: object = print", "pandas.DataFrame.mine"),
        ("ta.RSI = print", "talib.abstract.RSI"),
        ("x, ta.EMA = 1, 2", "talib.abstract.EMA"),
        ("np.counter += 1", "numpy.counter"),
        ("del np.random.seed", "numpy.random.seed"),
        ("setattr(ta, 'RSI', print)", "talib.abstract"),
        ("delattr(pd.DataFrame, 'mean')", "pandas.DataFrame"),
        ("os.environ['TZ'] = 'UTC'", "os.environ"),
        ("sys.modules['helper'].x = 1", "sys.modules.x"),
        ("pd.set_option('future.infer_string', True)", "pandas.set_option"),
        ("pd.set_option('display.width', 9, 'mode.x', 1)", "pandas.set_option"),
        ("pd.set_option(self.name, 1)", "pandas.set_option"),
        ("pd.options.mode.copy_on_write = 1", "pandas.options.mode.copy_on_write"),
        ("options.compute.use_numba = 1", "pandas.options.compute.use_numba"),
        ("np.seterr(all='raise')", "numpy.seterr"),
        ("np.random.seed(1)", "numpy.random.seed"),
        ("random.seed(1)", "random.seed"),
        ("logging.disable(50)", "logging.disable"),
        ("quiet(50)", "logging.disable"),
        ("logging.basicConfig(force=True)", "logging.basicConfig"),
        ("warnings.simplefilter('error')", "warnings.simplefilter"),
        ("warnings.filterwarnings(action='error')", "warnings.filterwarnings"),
    ],
)
def test_what_changes_a_library_for_all_is_found(line: str, name: str) -> None:
    where = f"({name}, line {LINE})"
    assert of_source(method(line)) == f"It changes what all share in a process {where}."


@pytest.mark.parametrize(
    "line",
    [
        "self.x = ta.RSI(dataframe)",
        "self.model.x += 1; del self.model.x",
        "setattr(self, 'x', 1); setattr(dataframe, 'x', 1)",
        "Mine.counter = 1; type(self).counter = 2; self.__class__.counter = 3",
        "dataframe.name = 'x'; dataframe['ema'] = ta.EMA(dataframe)",
        "dataframe.loc[dataframe['a'] > 1, 'b'] = pd.NA",
        "logger = logging.getLogger(__name__); logger.info('x'); logger.level = 1",
        "logging.getLogger('mine').setLevel(10); logging.basicConfig(level=10)",
        "warnings.simplefilter('ignore'); warnings.filterwarnings('ignore', 'error')",
        "warnings.simplefilter(action='ignore', category=FutureWarning)",
        "pd.set_option('display.max_rows', None); pd.set_option('max_columns', 5)",
        "pd.set_option('mode.chained_assignment', None)",
        "pd.options.mode.chained_assignment = None; pd.options.display.width = 9",
        "rng = np.random.default_rng(1); r = random.Random(1); r.seed(2)",
        "sys.path.append('x')",
        "with np.errstate(all='ignore'), pd.option_context('mode.x', 1): pass",
    ],
)
def test_what_ordinary_strategies_do_is_no_reason(line: str) -> None:
    assert of_source(method(line)) == ""


def test_what_only_trades_call_is_not_looked_at() -> None:
    code = "import pandas as pd\ndef custom_exit(self): pd.DataFrame.x = 1\n"
    assert of_source(code) == ""


@pytest.mark.parametrize("demo", DEMO_STRATEGIES, ids=lambda demo: demo.class_name)
def test_a_demo_strategy_may_share_a_process(demo: DemoStrategy) -> None:
    assert of_source(demo_source(demo)) == ""


@pytest.mark.parametrize("name", [one.name for one in blueprints()])
def test_a_strategy_made_from_a_template_may_share_a_process(name: str) -> None:
    assert of_source(blueprint_code(name, "Mine", "5m", {})) == ""


@pytest.mark.parametrize("name", ["PLAIN", "INFORMATIVE", "PAIRS", "COLUMNS"])
def test_what_is_proved_to_be_equal_in_a_runner_may_share_a_process(name: str) -> None:
    assert of_source(sources.HEAD + getattr(sources, name) + sources.TREND) == ""
