"""What is open: taken by one at a time, and written down whole. Services of the ledger.

``work_claim`` opens the signals that have arrived and gives rows to one caller for a
while; ``work_settle`` writes what became of them, if they are still that caller's, and
takes the finished ones away, all in one transaction. Whoever is killed in between has
changed nothing, and the rows are due again when the claim ends.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import uuid4

import orjson
from django.db import transaction

from btc_watcher.lib.partitions import OUTCOMES, PartitionError, months_ensure
from btc_watcher.lib.statements import rows_of
from signals_app.outcomes.judging import HORIZONS, looks, state_of
from signals_app.outcomes.opening import arrivals_open
from signals_app.outcomes.statements import (
    CLAIM_DUE,
    CLAIM_THESE,
    DELETE_DONE,
    LOCK_OWN,
    POSTPONE,
    STALE,
    UPSERT,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from signals_app.outcomes.judging import Bar

logger = logging.getLogger(__name__)

# Longer than a round takes; who has not written by then has lost its rows.
CLAIM_SECONDS: Final = 180

_months_known: set[date] = set()


class Work(NamedTuple):
    """A signal whose outcome is open, as the claim returns it."""

    id: UUID
    timestamp: datetime
    strategy_id: int | None
    strategy_name: str
    exchange: str
    pair: str
    timeframe: str
    signal_type: str
    strength_level: str
    is_exit: bool
    price: float
    tries: int
    known: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a work by now.

    ``bars`` are the candles after the signal, as far as they are known (see ``looks``).
    ``due`` is when to look again, None when all is final. ``reason`` says why candles
    could not be had; ``in_vain`` that nothing new was found.
    """

    work: Work
    bars: Sequence[Bar | None] = field(default_factory=tuple)
    due: datetime | None = None
    reason: str = ""
    in_vain: bool = False

    @property
    def reached(self) -> int:
        """How many candles are known, now or from an earlier look."""
        return max(len(self.bars), self.work.known)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Rows of work that are the caller's alone until ``CLAIM_SECONDS`` are over."""

    token: UUID
    works: list[Work]


@dataclass(frozen=True, slots=True)
class Settled:
    """How many outcomes were written, and how many of them are final now."""

    written: int = 0
    final: int = 0


def work_claim(
    *, now: datetime, limit: int, only: Sequence[UUID] | None = None
) -> Claimed:
    """Take up to ``limit`` rows that are due; two callers never get the same.

    What has arrived is opened first, so that nothing waits for a second look.
    ``only`` names the rows that are wanted, due or not.
    """
    arrivals_open()
    token = uuid4()
    until = now + timedelta(seconds=CLAIM_SECONDS)
    parameters = {"token": token, "until": until, "now": now, "limit": limit}
    if only is None:
        found = rows_of(CLAIM_DUE, parameters)
    else:
        found = rows_of(CLAIM_THESE, parameters | {"only": list(only)})
    return Claimed(token, [Work(*row) for row in found])


def work_settle(*, token: UUID, verdicts: Sequence[Verdict], now: datetime) -> Settled:
    """Write verdicts of claimed works, each only if it is still claimed by ``token``."""
    if not verdicts:
        return Settled()
    _months_ensure(verdicts)
    with transaction.atomic():
        ids = [verdict.work.id for verdict in verdicts]
        own = {row[0] for row in rows_of(LOCK_OWN, {"token": token, "ids": ids})}
        mine = [verdict for verdict in verdicts if verdict.work.id in own]
        rows = [_row(v, now) for v in mine if v.bars or v.due is None]
        if rows:
            rows_of(UPSERT, [_json(rows)])
            rows_of(STALE, [_json(_days(rows))])
        done = [verdict.work.id for verdict in mine if verdict.due is None]
        if done:
            rows_of(DELETE_DONE, [done])
        if waiting := [_waiting(v) for v in mine if v.due is not None]:
            rows_of(POSTPONE, [_json(waiting)])
    return Settled(len(rows), len(done))


def _row(verdict: Verdict, now: datetime) -> dict[str, Any]:
    work = verdict.work
    state = state_of(verdict.bars, is_final=verdict.due is None, reason=verdict.reason)
    row = work._asdict() | {"state": str(state), "updated_at": now}
    row["reason"] = verdict.reason if verdict.due is None else ""
    found = looks(work.price, work.signal_type, verdict.bars)
    for horizon in HORIZONS:
        look = found.get(horizon)
        for name in ("price", "move", "best", "worst", "missing"):
            row[f"{name}_{horizon}"] = getattr(look, name) if look else None
    row["price"] = work.price
    return row


def _days(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each strategy and UTC day once, in order: so nobody dead-locks."""
    days = {
        (
            row["timestamp"].astimezone(UTC).date().isoformat(),
            row["strategy_id"] or 0,
            "" if row["strategy_id"] else row["strategy_name"],
        )
        for row in rows
    }
    names = ("day", "strategy_id", "strategy_name")
    return [dict(zip(names, each, strict=True)) for each in sorted(days)]


def _waiting(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": verdict.work.id,
        "due_at": verdict.due,
        "tries": min(verdict.work.tries + 1, 1000) if verdict.in_vain else 0,
        "reason": verdict.reason,
        "known": max(h for h in (0, *HORIZONS) if h <= verdict.reached),
    }


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()


def _months_ensure(verdicts: Sequence[Verdict]) -> None:
    """Make missing partitions, each committed on its own (as the intake does)."""
    months = {v.work.timestamp.astimezone(UTC).date().replace(day=1) for v in verdicts}
    if unknown := months - _months_known:
        try:
            months_ensure(OUTCOMES, unknown)
        except PartitionError as error:
            logger.warning("Outcomes go to the safety net. %s", error.message)
        _months_known.update(unknown)
