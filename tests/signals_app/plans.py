"""Which partitions a statement touches, as PostgreSQL itself says."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection

from btc_watcher.lib.partitions import SIGNALS, MonthlyTable, month_start

if TYPE_CHECKING:
    from collections.abc import Mapping

MOMENT = r"'(\d{4}-\d\d-\d\d[T ][0-9:.]+\+00:?(?:00)?)'"


def plan_of(
    statement: str, parameters: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the plan of a statement; without parameters its values are in its text."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        (answer,) = cursor.fetchone() or ("[]",)
    found = json.loads(answer) if isinstance(answer, str) else answer
    plan: dict[str, Any] = found[0]["Plan"]
    return plan


def partitions_read(
    statement: str,
    table: MonthlyTable = SIGNALS,
    parameters: Mapping[str, Any] | None = None,
) -> set[str]:
    """Return the names of the partitions of ``table`` that a statement's plan reads."""
    found: set[str] = set()
    parts = [plan_of(statement, parameters)]
    while parts:
        part = parts.pop()
        parts += part.get("Plans", [])
        name = part.get("Relation Name", "")
        if name.startswith(f"{table.name}_"):
            found.add(name)
    return found


def months_of_range(statement: str, table: MonthlyTable = SIGNALS) -> set[str]:
    """Return the partitions of the range of time that a statement's text names.

    That is from the first to the last moment that its key is compared with.
    """
    compared = rf'"{table.column}" (?:>=|<=|<|>) {MOMENT}'
    moments = [datetime.fromisoformat(text) for text in re.findall(compared, statement)]
    if not moments:
        return set()
    # The end of a range is not in it.
    month, last = month_start(min(moments)), max(moments) - timedelta(microseconds=1)
    names = set()
    while month <= last.date():
        names.add(table.partition(month))
        month = month_start(month, 1)
    return names
