"""One analysed candle as text: what freqtrade's own function writes, and sooner.

Freqtrade looks for columns of dates and converts them in a frame of its own before pandas
writes it, which is a fifth of what a simple analysis costs. A row of plain values is
given to the same writer of pandas directly. The first row of each set of columns and
kinds of values is written both ways; where the two differ, freqtrade's is used for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from freqtrade.misc import dataframe_to_json

try:
    from pandas.io.json._json import ujson_dumps
except ImportError:
    # A pandas that keeps it elsewhere.
    ujson_dumps = None

if TYPE_CHECKING:
    from collections.abc import Callable

_NANOSECONDS: Final = 1_000_000
_PLAIN: Final = (str, int, float, type(None))
_MANY: Final = 10_000


class OtherWayError(Exception):
    """The row has something that only freqtrade's own function shall write."""


class Rows:
    """Writes frames of one row; ``exactly`` is how freqtrade writes them."""

    def __init__(self, exactly: Callable[[Any], str] = dataframe_to_json) -> None:
        self._exactly = exactly
        self._same: dict[Any, bool] = {}

    def text(self, frame: Any) -> str:
        """Return a frame as freqtrade's ``dataframe_to_json`` does; may change the frame."""
        try:
            kind, text = _written(frame)
        except (OtherWayError, AttributeError, TypeError, ValueError, OverflowError):
            return self._exactly(frame)
        same = self._same.get(kind)
        if same:
            return text
        exact = self._exactly(frame)
        if same is None:
            if len(self._same) >= _MANY:
                self._same.clear()
            self._same[kind] = exact == text
        return exact


def _written(frame: Any) -> tuple[Any, str]:
    """Return the kinds of a row's values, and its text."""
    if ujson_dumps is None or len(frame) != 1:
        raise OtherWayError
    columns, index = frame.columns.tolist(), frame.index[0]
    if type(index) is not int and not isinstance(index, np.integer):
        raise OtherWayError
    values = [_plain(array[0]) for array in frame._iter_column_arrays()]  # noqa: SLF001 - the public ways make a Series of each
    kinds = tuple(columns), tuple(map(type, values))
    whole = {"columns": columns, "index": [int(index)], "data": [values]}
    return kinds, ujson_dumps(whole, double_precision=10, ensure_ascii=True)


def _plain(value: Any) -> Any:
    """Return a value as Python's own; a date as milliseconds, as freqtrade sends it."""
    if isinstance(value, np.generic):
        if isinstance(value, np.floating) and value.dtype != np.float64:
            raise OtherWayError
        value = value.item()
    if isinstance(value, pd.Timestamp):
        milliseconds, rest = divmod(value.value, _NANOSECONDS)
        if rest:
            raise OtherWayError
        return milliseconds
    if isinstance(value, _PLAIN):
        return value
    raise OtherWayError
