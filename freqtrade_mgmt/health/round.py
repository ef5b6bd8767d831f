"""One health round over all strategies: read, ask, judge, write, tell."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction

from btc_watcher.lib.locking import lock_held
from btc_watcher.lib.locks import HEALTH_ROUND
from freqtrade_mgmt.cache.status import statuses_write
from freqtrade_mgmt.health.alarms import Outcome, Watched, step
from freqtrade_mgmt.health.conditions import conditions
from freqtrade_mgmt.health.doubt import proxies_doubt
from freqtrade_mgmt.health.facts import gather_facts
from freqtrade_mgmt.health.groups import behind
from freqtrade_mgmt.health.score import UNRATED, Rating, rate
from freqtrade_mgmt.health.shapes import Facts, Life
from freqtrade_mgmt.health.subjects import subjects_read
from freqtrade_mgmt.health.telling import alarms_tell
from freqtrade_mgmt.health.usual import SignalCounter
from freqtrade_mgmt.health.writing import (
    process_row,
    processes_write,
    strategies_write,
    strategy_row,
)
from strategies.services import health_lock_many

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from freqtrade_mgmt.health.shapes import Subject

# Kept between rounds of this process; what it holds is bounded by the strategies.
COUNTER: Final = SignalCounter()


@dataclass(frozen=True, slots=True)
class Figures:
    """What a round did. ``skipped`` tells that another round was going on."""

    strategies: int = 0
    good: int = 0
    fair: int = 0
    bad: int = 0
    alive: int = 0
    alarms: int = 0
    told: int = 0
    seconds: float = 0.0
    skipped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def strategy_health_round(now: datetime, counter: SignalCounter = COUNTER) -> Figures:
    """Look at every wanted strategy once, store what was found, tell what is new.

    Raises Django's database errors; Redis may be away. Two rounds at once would tell
    everything twice, so the second one does nothing.
    """
    started = time.monotonic()
    with lock_held(HEALTH_ROUND) as alone:
        if not alone:
            return Figures(skipped=True)
        subjects = subjects_read(now)
        counts = counter.counts(now)
        facts = asyncio.run(gather_facts(subjects, counts, now)) if subjects else {}
        ratings = {s.strategy_id: _rating(s, facts) for s in subjects}
        outcome = _alarms(subjects, facts, ratings, now)
        _write(subjects, facts, ratings, outcome, now)
    proxies_doubt(subjects, facts)
    statuses_write({s.strategy_id: _status(s, facts, ratings, now) for s in subjects})
    levels = Counter(rating.level for rating in ratings.values())
    return Figures(
        strategies=len(subjects),
        good=levels["good"],
        fair=levels["fair"],
        bad=levels["bad"],
        alive=sum(each.life is Life.ALIVE for each in facts.values()),
        alarms=sum(len(each) for each in outcome.alarms.values()),
        told=len(outcome.notes),
        seconds=round(time.monotonic() - started, 3),
    )


def _rating(subject: Subject, facts: Mapping[int, Facts]) -> Rating:
    known = facts.get(subject.strategy_id)
    if known is None:
        known = Facts(
            strategy_id=subject.strategy_id,
            status=subject.status,
            reason=subject.reason,
        )
    return rate(known)


def _alarms(
    subjects: Sequence[Subject],
    facts: Mapping[int, Facts],
    ratings: Mapping[int, Rating],
    now: datetime,
) -> Outcome:
    watched = [
        Watched(
            strategy_id=subject.strategy_id,
            name=subject.name,
            conditions=conditions(known, ratings[subject.strategy_id]),
            behind=behind(subject, known),
            alarms=subject.alarms,
        )
        for subject in subjects
        if (known := facts.get(subject.strategy_id)) is not None
    ]
    return step(watched, now, supervised=_supervised(facts.values()))


def _supervised(facts: Any) -> bool | None:
    """Tell whether the supervisor shows any sign of life; None when nothing tells."""
    signs = {each.supervised for each in facts}
    if True in signs:
        return True
    return False if False in signs else None


@transaction.atomic
def _write(
    subjects: Sequence[Subject],
    facts: Mapping[int, Facts],
    ratings: Mapping[int, Rating],
    outcome: Outcome,
    now: datetime,
) -> None:
    """Store everything and what is to be told: both, or neither."""
    health_lock_many()
    strategies_write(
        [
            strategy_row(
                subject,
                facts.get(subject.strategy_id),
                ratings[subject.strategy_id],
                outcome.alarms.get(subject.strategy_id, {}),
                now,
            )
            for subject in subjects
        ]
    )
    rows = [
        process_row(subject, facts[subject.strategy_id], now)
        for subject in subjects
        if subject.strategy_id in facts
    ]
    processes_write([row for row in rows if row is not None])
    alarms_tell(outcome, now)


def _status(
    subject: Subject,
    facts: Mapping[int, Facts],
    ratings: Mapping[int, Rating],
    now: datetime,
) -> dict[str, str]:
    known = facts.get(subject.strategy_id)
    rating = ratings[subject.strategy_id]
    return {
        "status": subject.status,
        "health_score": "" if rating.level == UNRATED.level else str(rating.score),
        "uptime": str(round(known.uptime_s) if known else 0),
        "last_update": str(int(now.timestamp())),
    }
