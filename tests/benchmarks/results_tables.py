"""The text of RESULTS.md. Pure."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Figure = dict[str, Any]

HEAD: Final = """# Results

Written by `python -m tests.benchmarks.results` from what `python -m tests.benchmarks` has
printed; `results.jsonl` keeps the figures. What the figures mean is in
[Develop](../../docs/en/develop.md#measurements). A figure is worth as much as the machine
was idle: `load` is its load average when the run began.
"""
NOT_SHOWN: Final = frozenset(("figure", "goal", "machine", "indexes"))
# Rows of the tables of growth: what they say, and where in a figure it is.
BY_STRATEGIES: Final = (
    ("signals of a candle", "signals"),
    ("last row (s)", "last_row_seconds"),
    ("last browser of 10 (s)", "last_browser_seconds"),
    ("processor: supervisor (s)", "processor_seconds.supervisor"),
    ("processor: PostgreSQL (s)", "processor_seconds.postgres"),
    ("memory: supervisor (MB)", "resident_mb.supervisor"),
)
BY_BROWSERS: Final = (
    ("signals of a candle", "signals"),
    ("last browser (s)", "last_browser_seconds"),
    ("browsers behind", "browsers_behind"),
    ("processor: web (s)", "processor_seconds.web"),
    ("memory: web (MB)", "resident_mb.web"),
    ("sent (MB)", "mb_to_browsers"),
)
FEW: Final = 10
SMALL_LARGE: Final = ("small", "large")


def document(figures: Sequence[Figure]) -> str:
    """Return the whole text."""
    parts = [HEAD, _machines(figures), "## Growth\n"]
    parts += filter(None, (_strategies(figures), _browsers(figures), _rows(figures)))
    parts += ["## All figures\n", _all(figures)]
    return "\n".join(parts)


def _machines(figures: Iterable[Figure]) -> str:
    """Say on which machines and when the figures were measured."""
    found = {_machine(figure): figure["machine"] for figure in figures}
    rows = [
        (
            number,
            machine.get("date", ""),
            f"{machine.get('processor', '')}, {machine.get('cores', '?')} cores,"
            f" {machine.get('memory_gb', '?')} GB",
            f"{machine.get('system', '')}, Python {machine.get('python', '')},"
            f" PostgreSQL {machine.get('postgres', '')}",
            _text(machine.get("load", "")),
        )
        for number, machine in enumerate(found.values(), 1)
    ]
    return _table(("Run", "Date", "Machine", "System", "Load"), rows)


def _machine(figure: Figure) -> str:
    return repr(sorted(figure["machine"].items()))


def _named(figures: Iterable[Figure], name: str) -> list[Figure]:
    return [figure for figure in figures if figure["figure"] == name]


def _strategies(figures: Iterable[Figure]) -> str:
    chosen = [f for f in _named(figures, "growth") if f["browsers"] == FEW]
    return _growth("Strategies", "bots", sorted(chosen, key=_by("bots")), BY_STRATEGIES)


def _browsers(figures: Iterable[Figure]) -> str:
    chosen = [f for f in _named(figures, "growth") if f["bots"] == FEW]
    return _growth(
        "Browsers", "browsers", sorted(chosen, key=_by("browsers")), BY_BROWSERS
    )


def _by(name: str) -> Any:
    return lambda figure: figure[name]


def _growth(
    title: str, axis: str, figures: Sequence[Figure], lines: Iterable[tuple[str, str]]
) -> str:
    if not figures:
        return ""
    head = (title, *(f"{figure[axis]:,}" for figure in figures))
    rows = [
        (words, *(_text(_inside(figure, path)) for figure in figures))
        for words, path in lines
    ]
    return _table(head, rows)


def _rows(figures: Sequence[Figure]) -> str:
    """Compare the lists of a table with those of one ten times as large."""
    lists = [f for f in figures if "large_ms_median" in f]
    if not lists:
        return ""
    held = max(figure["held"] for figure in lists)
    lists = [figure for figure in lists if figure["held"] == held]
    sizes = {figure["held"]: figure for figure in _named(figures, "signals_size")}
    rows = [
        (
            f"{len(lists)} lists, median of their {kind} (ms)",
            *(
                _text(median(f[f"{size}_ms_{key}"] for f in lists))
                for size in SMALL_LARGE
            ),
        )
        for kind, key in (("medians", "median"), ("p95", "p95"))
    ]
    rows += [
        (
            words,
            *(_text(sizes.get(each, {}).get(key, "")) for each in (held // 10, held)),
        )
        for words, key in (
            ("bytes a signal, with all indexes", "bytes_a_signal"),
            ("bytes a signal, the table alone", "table_bytes_a_signal"),
        )
    ]
    return _table(("Signals held", f"{held // 10:,}", f"{held:,}"), rows) + _indexes(
        sizes.get(held)
    )


def _indexes(figure: Figure | None) -> str:
    if figure is None:
        return ""
    rows = [
        (
            f"`{name}`",
            _text(each["bytes_a_signal"]),
            f"{100 * each['share']:.1f} %",
            f"{each['uses']:,}",
        )
        for name, each in figure["indexes"].items()
    ]
    unused = ", ".join(f"`{name}`" for name in figure["not_used"]) or "none"
    return (
        f"\nIndexes of {figure['held']:,} signals:\n\n"
        + _table(("Index", "Bytes a signal", "Share", "Uses"), rows)
        + f"\nUsed by no query: {unused}.\n"
    )


def _all(figures: Sequence[Figure]) -> str:
    machines = list(dict.fromkeys(map(_machine, figures)))
    rows = [
        (
            figure["figure"],
            "; ".join(_said(figure)),
            figure.get("goal", ""),
            1 + machines.index(_machine(figure)),
        )
        for figure in figures
    ]
    return _table(("Figure", "Result", "Goal", "Run"), rows)


def _said(figure: Figure) -> Iterable[str]:
    for name, value in figure.items():
        if name not in NOT_SHOWN:
            yield f"{name} {_text(value)}"


def _inside(figure: Mapping[str, Any], path: str) -> Any:
    value: Any = figure
    for name in path.split("."):
        value = value.get(name, "") if isinstance(value, dict) else ""
    return value


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
