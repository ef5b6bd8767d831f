"""Run by freqtrade's Python: rows as freqtrade's function writes them, and as Rows does.

``python rows_written.py PROGRAM`` prints one JSON object a row: its name, what both
wrote, and how often Rows asked freqtrade's function for it.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_TURNS = 2


class Counted:
    """Freqtrade's function, which counts how often it was asked."""

    def __init__(self, function: Callable[[Any], str]) -> None:
        self._function = function
        self.asked = 0

    def __call__(self, frame: Any) -> str:
        """Write a frame."""
        self.asked += 1
        return self._function(frame)


def frames() -> dict[str, Any]:
    """Return frames of everything that strategies keep in columns."""
    import numpy as np  # noqa: PLC0415 - not in our own environment
    import pandas as pd  # noqa: PLC0415 - as above

    dates = pd.date_range("2026-11-01", periods=5, freq="min", tz="UTC")
    usual = {
        "date": dates,
        "close": [1.0, 0.1 + 0.2, 1e-9, 123456789.123456789, 1e17],
        "volume": [0.0, float("nan"), float("inf"), -0.0, 5e-324],
        "enter_long": [0, 1, 2**53, -1, 7],
        "enter_tag": ["", "up", None, '\u7a81\u7834 "quoted" \\ / \u2028', "\u00e9"],
        "good": [True, False, True, False, True],
    }
    finer = dates + pd.Timedelta(1, unit="us")
    return {
        "usual": pd.DataFrame(usual),
        "a second date": pd.DataFrame({**usual, "date_1h": dates.floor("h")}),
        "a date that is missing": pd.DataFrame({**usual, "since": [pd.NaT] * 5}),
        "finer than milliseconds": pd.DataFrame({**usual, "at": finer}),
        "numbers of 32 bits": pd.DataFrame({"x": np.arange(5, dtype="float32") / 3}),
        "categories": pd.DataFrame({"x": pd.Categorical(["a", "b", "a", "b", "a"])}),
        "missing whole numbers": pd.DataFrame(
            {"x": pd.array([1, None, 3, 4, 5], "Int64")}
        ),
        "lists": pd.DataFrame({"x": [[1], [2, 3], [], [4], [5]]}),
        "times": pd.DataFrame({"x": pd.to_timedelta([1, 2, 3, 4, 5], unit="s")}),
        "columns that are numbers": pd.DataFrame({1: [1, 2, 3, 4, 5]}),
        "two columns of one name": pd.DataFrame([[1, 2]] * 5, columns=["x", "x"]),
        "dates as index": pd.DataFrame({"x": range(5)}, index=dates),
    }


def told(function: Callable[[Any], str], frame: Any) -> str:
    """Return what a function writes of a copy, or what it raises."""
    try:
        return function(frame.copy())
    except Exception as error:  # noqa: BLE001 - both are to fail alike
        return repr(error)


def main(program: str) -> None:
    """Write every row twice."""
    runpy.run_path(str(Path(program) / "main.py"))["package_here"]()
    from freqtrade.misc import dataframe_to_json  # noqa: PLC0415 - as above

    from freqtrade_mgmt.runner.rows import Rows  # noqa: PLC0415 - as above

    def otherwise(frame: Any) -> str:
        text: str = dataframe_to_json(frame)
        return text.replace("close", "closed")

    def say(name: str, rows: Rows, exactly: Counted, frame: Any) -> None:
        exactly.asked = 0
        ours, asked = told(rows.text, frame), exactly.asked
        both = {"ours": ours, "freqtrade": told(exactly, frame)}
        print(json.dumps({"name": name, **both, "asked": asked}))  # noqa: T201 - to the test

    exactly = Counted(dataframe_to_json)
    rows = Rows(exactly)
    every = frames()
    for name, frame in every.items():
        for turn in range(_TURNS):
            for number in range(len(frame)):
                one = frame.iloc[number : number + 1]
                say(f"{name}, row {number}, turn {turn}", rows, exactly, one)
    say("several rows", rows, exactly, every["usual"])
    other = Counted(otherwise)
    rows = Rows(other)
    for turn in range(_TURNS):
        say(f"another release, turn {turn}", rows, other, every["usual"].tail(1))


if __name__ == "__main__":
    main(sys.argv[1])
