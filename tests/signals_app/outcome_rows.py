"""Outcomes for tests, written as the round writes them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from signals_app.outcomes.days import days_refresh
from signals_app.outcomes.judging import Bar
from signals_app.outcomes.work import Verdict, work_claim, work_settle
from signals_app.services import signals_record
from tests.signals_app.factories import candidate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

LATER = timedelta(days=400)


def bar(close: float, spread: float = 1.0) -> Bar:
    """Return a candle that closes at ``close``."""
    return Bar(close + spread, close - spread, close)


def path(price: float, *moves: float) -> list[Bar]:
    """Return 24 candles that close at ``price`` and so many percent; the last goes on."""
    steps = [*moves, *[moves[-1]] * (24 - len(moves))]
    return [bar(price * (1 + move / 100), price / 1000) for move in steps]


def stored(*changes: dict[str, Any], now: datetime | None = None) -> list[UUID]:
    """Record signals, each the plain one with some fields changed; return their ids."""
    found = signals_record([candidate(**each) for each in changes], now=now)
    assert not found.refused
    return [identifier for identifier, _word in found.answers if identifier]


def judged(
    ids: Sequence[UUID],
    bars: Sequence[Bar | None],
    *,
    due: datetime | None = None,
    reason: str = "",
) -> None:
    """Write the outcomes of signals: final ones without ``due``; sum up their days."""
    claimed = work_claim(now=timezone.now() + LATER, limit=10_000, only=ids)
    assert {work.id for work in claimed.works} == set(ids)
    verdicts = [Verdict(work, bars, due, reason) for work in claimed.works]
    work_settle(token=claimed.token, verdicts=verdicts, now=timezone.now())
    days_refresh()
