"""One round: what is due is claimed, its candles are read, and it is written down."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import async_to_sync
from django.utils import timezone

from freqtrade_mgmt.candles.watchers import watchers_all
from freqtrade_mgmt.outcomes.deciding import decide
from freqtrade_mgmt.outcomes.following import opens_of
from freqtrade_mgmt.outcomes.windows import Market, Read, Wanted, windows_read
from signals_app.outcomes.days import days_refresh
from signals_app.outcomes.work import work_claim, work_settle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from signals_app.outcomes.work import Verdict, Work

BATCH: Final = 2_000
# A task that goes on longer is followed by its next run.
SECONDS: Final = 25.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Signals looked at, outcomes written, final ones, markets read, days summed up."""

    looked: int = 0
    written: int = 0
    final: int = 0
    markets: int = 0
    days: int = 0

    def __add__(self, other: Figures) -> Figures:
        """Return both together."""
        mine, theirs = asdict(self), asdict(other)
        return Figures(**{name: mine[name] + theirs[name] for name in mine})

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for logs and JSON."""
        return asdict(self)


def outcomes_round(*, seconds: float = SECONDS) -> Figures:
    """Fill what is due, a batch at a time, and sum up the days that have changed.

    Safe to run at once with others, and to be killed at any point.
    """
    figures = Figures()
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        batch = batch_fill()
        figures += batch
        if batch.looked < BATCH:
            break
    return figures + Figures(days=days_refresh())


def batch_fill(only: Sequence[UUID] | None = None) -> Figures:
    """Fill one batch: of what is due, or ``only`` these."""
    claimed = work_claim(now=timezone.now(), limit=BATCH, only=only)
    if not claimed.works:
        return Figures()
    markets = _by_market(claimed.works)
    wanted = [
        Wanted(market, min(map(_first_open, works)), works[0].strategy_id)
        for market, works in markets.items()
    ]
    reads = async_to_sync(windows_read)(wanted, watchers_all())
    verdicts = [
        verdict
        for market, works in markets.items()
        for verdict in _decided(works, reads[market])
    ]
    settled = work_settle(token=claimed.token, verdicts=verdicts, now=timezone.now())
    return Figures(len(claimed.works), settled.written, settled.final, len(markets))


def _by_market(works: Sequence[Work]) -> dict[Market, list[Work]]:
    markets: dict[Market, list[Work]] = defaultdict(list)
    for work in works:
        markets[Market(work.exchange, work.pair, work.timeframe)].append(work)
    return markets


def _first_open(work: Work) -> int:
    return opens_of(round(work.timestamp.timestamp() * 1000), work.timeframe)[0]


def _decided(works: Sequence[Work], read: Read) -> list[Verdict]:
    # The clock is read after the candles: it is never ahead of what they could know.
    now = timezone.now()
    return [decide(work, read.window, read.reason, now) for work in works]
