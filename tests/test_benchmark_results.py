"""RESULTS.md: what benchmarks have printed, newest figure of each size, in tables."""

from __future__ import annotations

from typing import Any

import orjson

from tests.benchmarks.results import figures_of, merged
from tests.benchmarks.results_tables import document

MACHINE = {"figure": "machine", "date": "2026-11-23", "cores": 2, "load": 0.5}


def printed(*figures: dict[str, Any], machine: dict[str, Any] | None = None) -> str:
    lines = [machine or MACHINE, *figures]
    return "noise\n" + "\n".join(orjson.dumps(line).decode() for line in lines)


def growth(bots: int, browsers: int, **changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "figure": "growth",
        "bots": bots,
        "browsers": browsers,
        "signals": bots * 20,
        "last_row_seconds": 0.5,
        "processor_seconds": {"supervisor": 0.25, "web": 1.5},
    }
    return plain | changes


def test_figures_know_their_machine() -> None:
    (figure,) = figures_of(printed({"figure": "burst", "ratio": 0.7}))

    assert figure["ratio"] == 0.7
    assert figure["machine"] == {"date": "2026-11-23", "cores": 2, "load": 0.5}


def test_a_newer_figure_replaces_the_one_of_the_same_size_alone() -> None:
    kept = figures_of(printed(growth(1, 10), growth(10, 10)))
    fresh = figures_of(printed(growth(10, 10, last_row_seconds=0.125)))

    seconds = [each["last_row_seconds"] for each in merged(kept, fresh)]

    assert seconds == [0.5, 0.125]


def test_what_was_kept_is_read_again_with_its_machine() -> None:
    kept = figures_of(printed(growth(1, 10)))
    again = figures_of("".join(orjson.dumps(each).decode() for each in kept))

    assert again == kept


def test_growth_is_shown_by_strategies_and_by_browsers() -> None:
    sizes = [growth(10, 10), growth(1, 10), growth(10, 1_000)]
    text = document(figures_of(printed(*sizes)))

    assert "| Strategies | 1 | 10 |" in text
    assert "| signals of a candle | 20 | 200 |" in text
    assert "| Browsers | 10 | 1,000 |" in text
    assert "| processor: web (s) | 1.5 | 1.5 |" in text


def test_lists_and_sizes_of_the_largest_table_are_shown() -> None:
    index = {"bytes_a_signal": 40.0, "share": 0.25, "uses": 0, "uses_by_lists": 0}
    size = {"figure": "signals_size", "held": 1_000, "bytes_a_signal": 700.0}
    size |= {"indexes": {"idx_signals_pair": index}, "not_used": ["idx_signals_pair"]}
    small_large = {
        f"{size}_ms_{kind}": 2.0
        for size in ("small", "large")
        for kind in ("median", "p95")
    }
    lists = {"figure": "signals_list api newest", "held": 1_000, **small_large}
    text = document(figures_of(printed(lists, size)))

    assert "| Signals held | 100 | 1,000 |" in text
    assert "| bytes a signal, with all indexes |  | 700 |" in text
    assert "| `idx_signals_pair` | 40 | 25.0 % | 0 |" in text
    assert "Used by no query: `idx_signals_pair`." in text


def test_what_was_not_measured_is_left_out() -> None:
    text = document(figures_of(printed({"figure": "burst", "ratio": 0.7})))

    assert "Strategies" not in text
    assert "Signals held" not in text
    assert "| burst | ratio 0.7 |  | 1 |" in text
