"""Writes RESULTS.md from what benchmarks have printed.

``python -m tests.benchmarks growth | tee figures.txt``, then
``python -m tests.benchmarks.results figures.txt``. Each figure replaces the one of the same
name and size that is kept in ``results.jsonl``, with the machine and date of its run.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import orjson

from tests.benchmarks.results_tables import document

FOLDER: Final = Path(__file__).parent
KEPT: Final = FOLDER / "results.jsonl"
WRITTEN: Final = FOLDER / "RESULTS.md"
MACHINE: Final = "machine"
# What tells figures of one name apart.
SIZES: Final = (
    *("bots", "pairs", "browsers", "clients", "compressed", "held", "strategies"),
    *("processes", "hosted", "kind"),
)


def figures_of(text: str) -> list[dict[str, Any]]:
    """Return the figures of a run's output, each with its machine."""
    found = []
    machine: dict[str, Any] = {}
    for line in text.splitlines():
        # Programs that were started may have said something as well.
        if not line.startswith('{"figure"'):
            continue
        figure = orjson.loads(line)
        if figure["figure"] == MACHINE:
            machine = {key: figure[key] for key in figure if key != "figure"}
        else:
            found.append({**figure, MACHINE: figure.get(MACHINE, machine)})
    return found


def identity(figure: dict[str, Any]) -> tuple[object, ...]:
    """Return what a newer figure of the same thing has as well."""
    return (figure["figure"], *(figure.get(name) for name in SIZES))


def merged(
    kept: list[dict[str, Any]], fresh: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the figures of both, the fresh ones in place of older ones."""
    found = {identity(figure): figure for figure in [*kept, *fresh]}
    return list(found.values())


def main() -> None:
    """Merge the files that are named, and write the table."""
    kept = figures_of(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else []
    for name in sys.argv[1:]:
        kept = merged(kept, figures_of(Path(name).read_text(encoding="utf-8")))
    KEPT.write_bytes(b"".join(orjson.dumps(figure) + b"\n" for figure in kept))
    WRITTEN.write_text(document(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
