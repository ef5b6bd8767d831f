"""Files of what the history finds: CSV, or a JSON object a line. In parts, newest first.

Each part is a statement that goes on where the last one ended. A cursor of the database
would hold a connection and an old snapshot for as long as somebody's line takes, and keep
months from being detached meanwhile.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Final

import orjson

from btc_watcher.lib import replica
from btc_watcher.lib.spreadsheets import FORMULA_SIGNS
from signals_app.history.asked import range_named
from signals_app.outcomes.choices import choice_shape, choices_of
from signals_app.outcomes.judging import HORIZONS
from signals_app.outcomes.reading import outcome_shape, outcomes_of
from signals_app.rows import price_text
from signals_app.selectors import is_past, signals_page
from signals_app.shapes import signal_shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, tzinfo
    from uuid import UUID

    from signals_app.models import Signal
    from signals_app.outcomes.models import Outcome, SignalChoice
    from signals_app.selectors import Cursor, SignalFilter

PART: Final = 500
# A file is read by the page's server in the background, part by part.
PART_PATIENCE: Final = 60
BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
FORMULA: Final = tuple(FORMULA_SIGNS)
FORMATS: Final = {
    "csv": ("text/csv", "csv"),
    "excel": ("text/csv", "csv"),
    "jsonl": ("application/x-ndjson", "jsonl"),
}
MOVES: Final = ("price", "move", "best", "worst", "missing")
COLUMNS: Final = (
    *("id", "timestamp", "strategy_id", "strategy_name", "strategy_version"),
    *("exchange", "pair", "timeframe", "signal_type", "mark", "tag", "streak"),
    *("strength_raw", "strength_level", "strength_source", "priority", "price"),
    *("late", "quiet", "notification_sent", "notification_channels"),
    *("notification_time", "outcome"),
    *(f"{name}_{horizon}" for horizon in HORIZONS for name in MOVES),
    *("choice", "note", "indicators"),
)


def signals_export(
    wanted: SignalFilter,
    *,
    form: str,
    user_id: int,
    zone: tzinfo,
    most: int,
) -> Iterator[bytes]:
    """Give a file of at most ``most`` signals in parts, the first with its head.

    ``form`` is one of FORMATS; ``excel`` is CSV with the mark that tells Excel that it is
    UTF-8. Times are on the clocks of ``zone``, with their offset. What ``user_id`` took
    or skipped goes with it. Memory holds one part. Raises Django's database errors, and
    SearchTooLongError for a part that takes more than PART_PATIENCE seconds.
    """
    head = "" if form == "jsonl" else _lines([COLUMNS])
    yield f"{BOM if form == 'excel' else ''}{head}".encode()
    after: Cursor | None = None
    while most > 0:
        found, after = signals_page(
            wanted, size=min(PART, most), after=after, patience=PART_PATIENCE
        )
        most -= len(found)
        if found:
            yield _part(found, form, user_id, zone)
        if after is None:
            return


def file_name(wanted: SignalFilter, form: str, *, cut: bool) -> str:
    """Return the name of the file: the days of its period on the reader's clocks.

    ``cut`` says that there are more signals than the file holds.
    """
    days = [moment.date() for moment in range_named(wanted)]
    newest = "_newest" if cut else ""
    return f"signals_{days[0]}_{days[1]}{newest}.{FORMATS[form][1]}"


def _part(signals: Sequence[Signal], form: str, user_id: int, zone: tzinfo) -> bytes:
    outcomes = _outcomes(signals)
    choices = choices_of(user_id, [signal.pk for signal in signals])
    rows = [
        _shape(signal, outcomes.get(signal.pk), choices.get(signal.pk), zone)
        for signal in signals
    ]
    if form == "jsonl":
        return b"".join(_json(row) + b"\n" for row in rows)
    return _lines([_cells(row) for row in rows]).encode()


def _outcomes(signals: Sequence[Signal]) -> dict[UUID, Outcome]:
    if not is_past(signals[0].timestamp):
        return outcomes_of(signals)
    return replica.read(lambda alias: outcomes_of(signals, using=alias))


def _shape(
    signal: Signal,
    outcome: Outcome | None,
    choice: SignalChoice | None,
    zone: tzinfo,
) -> dict[str, Any]:
    """Return a signal as the API gives it, with its times on the clocks of ``zone``."""
    return signal_shape(signal) | {
        "timestamp": _moment(signal.timestamp, zone),
        "notification_time": _moment(signal.notification_time, zone),
        "outcome": outcome_shape(signal, outcome),
        "choice": choice_shape(choice),
    }


def _moment(moment: datetime | None, zone: tzinfo) -> str | None:
    return None if moment is None else moment.astimezone(zone).isoformat()


def _cells(row: dict[str, Any]) -> list[Any]:
    values = row["metadata"] | row | _outcome_cells(row["outcome"])
    choice = row["choice"] or {}
    values |= {"choice": choice.get("choice"), "note": choice.get("note")}
    values["indicators"] = _json(row["indicators"]).decode()
    values["notification_channels"] = ", ".join(map(str, row["notification_channels"]))
    return [harmless(values.get(name)) for name in COLUMNS]


def _outcome_cells(outcome: dict[str, Any] | None) -> dict[str, Any]:
    if outcome is None:
        return {"outcome": None}
    cells: dict[str, Any] = {"outcome": outcome["state"]}
    for horizon, look in outcome["horizons"].items():
        for name in MOVES:
            cells[f"{name}_{horizon}"] = look[name] if look else None
    return cells


def harmless(value: Any) -> Any:
    """Return a cell; text that a spreadsheet would run has an apostrophe before it."""
    if value is None or (isinstance(value, str) and not value.startswith(FORMULA)):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        # As the API writes prices: 0.00000012 and not 1.2e-07.
        return price_text(value)
    if isinstance(value, list | dict):
        value = _json(value).decode()
    text = isinstance(value, str) and value.startswith(FORMULA)
    return f"'{value}" if text else value


def _json(value: Any) -> bytes:
    """Return JSON; numbers of the database may be larger than orjson writes."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode()


def _lines(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
