"""The oracle is tried on the very rows of a run: it has to notice what is taken or added.

Done in a transaction that is rolled back, so the run itself is not changed.
"""

from __future__ import annotations

import itertools
from random import Random
from typing import TYPE_CHECKING

from tests.soak import stored
from tests.soak.report import Check, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from tests.soak.oracle import Oracle, Stored, Window

TRIED = 4
REMOVE = "DELETE FROM signals WHERE id = %s"
DOUBLE = """
INSERT INTO signals
SELECT (jsonb_populate_record(row, jsonb_build_object('id', gen_random_uuid()))).*
FROM signals AS row WHERE id = %s
"""
GRADE = """
UPDATE signals
SET signal_type = CASE signal_type WHEN 'HOLD' THEN 'BUY' ELSE 'HOLD' END WHERE id = %s
"""
MOVE = "UPDATE signals SET pair = 'MOVED/USDT' WHERE id = %s"


def oracle_check(
    connection: psycopg.Connection, oracle: Oracle, window: Window, seed: int
) -> Check:
    """Remove, double, move and regrade one mark each; return whether each was noticed."""
    rows = stored.marks(connection)
    before = oracle.judge(window, rows)
    chosen = _chosen(oracle, rows, window, seed)
    if len(chosen) < TRIED:
        return check("oracle", "there was nothing to try it on", ["too few marks"])
    gone, twice, changed, regraded = chosen
    try:
        connection.execute(REMOVE, [gone.identifier])
        connection.execute(DOUBLE, [twice.identifier])
        connection.execute(MOVE, [changed.identifier])
        connection.execute(GRADE, [regraded.identifier])
        after = oracle.judge(window, stored.marks(connection))
    finally:
        connection.rollback()
    problems = []
    if set(after.missing) - set(before.missing) != {gone.mark, changed.mark}:
        problems.append(f"It did not miss {gone.mark.told()}.")
    if set(after.doubled) - set(before.doubled) != {twice.mark}:
        problems.append(f"It did not see {twice.mark.told()} twice.")
    if len(after.invented) != len(before.invented) + 1:
        problems.append(f"It took {changed.mark.told()} on another pair.")
    if len(after.misgraded) != len(before.misgraded) + 1:
        problems.append(f"It took {regraded.mark.told()} of another type.")
    words = (
        "a mark taken away, one doubled, one of another pair and one of another type"
    )
    words += " were all noticed"
    return check("oracle", "not reliable" if problems else words, problems)


def _chosen(
    oracle: Oracle, rows: Sequence[Stored], window: Window, seed: int
) -> list[Stored]:
    """Return some rows that the oracle would miss: one that it cannot decide it would not."""
    shuffled = list(rows)
    Random(seed).shuffle(shuffled)  # noqa: S311 - a choice, not a secret
    wanted = (row for row in shuffled if _is_wanted(oracle, row, window))
    return list(itertools.islice(wanted, TRIED))


def _is_wanted(oracle: Oracle, row: Stored, window: Window) -> bool:
    """Tell whether the oracle would miss a row: one that it cannot decide it would not."""
    if not window.first_ms <= row.mark.close_ms <= window.last_ms:
        return False
    one = next(s for s in oracle.strategies if s.name == row.mark.strategy)
    return row.mark in oracle.wanted(one, row.mark.pair, row.mark.close_ms)
