"""From facts to a score with reasons. Pure.

A hundred is a bot that lives, answers, is running, analyses every candle of every
pair, gives its usual signals and logs no error. Each reason takes its cost away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from freqtrade_mgmt.health.shapes import (
    RUNNING_STATE,
    START_SECONDS,
    Answer,
    Life,
    staleness,
)
from strategies.lifecycle import WANTED_UP
from strategies.models import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from freqtrade_mgmt.health.shapes import Facts

GOOD: Final = 80
FAIR: Final = 50
LOG_MINUTES: Final = 5
PATIENCE_SECONDS: Final = 180.0
STANDSTILL_SECONDS: Final = 120.0
QUIET_LEAST: Final = 5.0
FEW_LEAST: Final = 8.0
FEW_SHARE: Final = 0.25
CPU_PERCENT: Final = 80.0
MEMORY_SHARE: Final = 0.8
DAY_SECONDS: Final = 86_400.0
PAIRS_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a score is not a hundred: a code with values for its sentence, and a cost."""

    code: str
    cost: int
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rating:
    """A score from 0 to 100, its level (good, fair, bad, none), the worst reason first."""

    score: int
    level: str
    reasons: tuple[Reason, ...] = ()


UNRATED: Final = Rating(0, "none")


def rate(facts: Facts) -> Rating:
    """Return the rating; a strategy that is not wanted has none."""
    if facts.status == Status.ERROR:
        return Rating(
            0, "bad", (Reason("error_state", 100, {"reason": facts.reason or "?"}),)
        )
    if facts.status not in WANTED_UP:
        return UNRATED
    reasons = sorted(_reasons(facts), key=lambda reason: -reason.cost)
    score = max(0, 100 - sum(reason.cost for reason in reasons))
    return Rating(score, _level(score), tuple(reasons))


def _level(score: int) -> str:
    if score >= GOOD:
        return "good"
    return "fair" if score >= FAIR else "bad"


def _reasons(facts: Facts) -> Iterator[Reason]:
    yield from _of_process(facts)
    if facts.answer is Answer.OK:
        yield from _of_bot(facts)
    yield from _of_candles(facts)
    yield from _of_log(facts)
    yield from _of_signals(facts)
    yield from _of_resources(facts)


def _of_process(facts: Facts) -> Iterator[Reason]:
    if facts.life is Life.DEAD:
        yield Reason("not_alive", 100)
    elif facts.life is Life.NONE and facts.waited_s < PATIENCE_SECONDS:
        yield Reason("starting", 50)
    elif facts.life is Life.NONE:
        yield Reason("not_started", 100, {"minutes": _minutes(facts.waited_s)})
    elif facts.answer is Answer.STRANGER:
        yield Reason("stranger", 60)
    elif facts.answer is Answer.SILENT and facts.uptime_s < START_SECONDS:
        yield Reason("starting", 50)
    elif facts.answer is Answer.SILENT:
        yield Reason("no_answer", 60, {"seconds": "1.5"})
    if facts.life is Life.ALIVE and facts.supervised is False:
        age = facts.heartbeat_age_s or 0.0
        yield Reason("supervisor_silent", 30, {"minutes": _minutes(age)})


def _of_bot(facts: Facts) -> Iterator[Reason]:
    if facts.bot_state != RUNNING_STATE:
        yield Reason("not_running", 70, {"state": facts.bot_state or "?"})
    age = facts.last_process_age_s
    if age is not None and age > STANDSTILL_SECONDS:
        yield Reason("stands_still", 40, {"seconds": round(age)})
    if facts.dropped:
        told = ", ".join(facts.dropped[:PAIRS_TOLD])
        more = "…" if len(facts.dropped) > PAIRS_TOLD else ""
        cost = 15 + round(35 * len(facts.dropped) / max(1, len(facts.pairs)))
        yield Reason("pair_dropped", cost, {"pairs": f"{told}{more}"})


def _of_candles(facts: Facts) -> Iterator[Reason]:
    stale = staleness(facts)
    if stale.pairs:
        watched = max(1, len(facts.pairs) - len(facts.dropped))
        yield Reason(
            "stale",
            30 + round(50 * len(stale.pairs) / watched),
            {
                "pair": stale.worst,
                "minutes": _minutes(stale.age_s),
                "count": len(stale.pairs),
                "pairs": watched,
            },
        )
    elif facts.pairs and all(age is None for age in facts.pairs.values()):
        yield Reason("no_candles", 30)


def _of_log(facts: Facts) -> Iterator[Reason]:
    log = facts.log
    if log.strategy_errors:
        yield _from_log("strategy_fails", 40, log.strategy_errors, log.strategy_words)
    if log.errors:
        cost = min(30, 5 + 5 * log.errors)
        yield _from_log("errors", cost, log.errors, log.words)
    if log.exchange_errors:
        cost = min(20, 4 + log.exchange_errors)
        yield _from_log(
            "exchange_errors", cost, log.exchange_errors, log.exchange_words
        )


def _from_log(code: str, cost: int, count: int, words: str) -> Reason:
    return Reason(code, cost, {"count": count, "minutes": LOG_MINUTES, "words": words})


def _of_signals(facts: Facts) -> Iterator[Reason]:
    usual = facts.usual_24h
    if usual is None or facts.watched_s < DAY_SECONDS:
        return
    if facts.signals_24h == 0 and usual >= QUIET_LEAST:
        yield Reason("quiet", 20, {"usual": f"{usual:g}"})
    elif facts.signals_24h < FEW_SHARE * usual and usual >= FEW_LEAST:
        yield Reason(
            "few_signals", 10, {"signals": facts.signals_24h, "usual": f"{usual:g}"}
        )


def _of_resources(facts: Facts) -> Iterator[Reason]:
    if facts.cpu_percent > CPU_PERCENT:
        yield Reason("cpu", 10, {"percent": round(facts.cpu_percent)})
    held = facts.usage.rss_mb if facts.usage else 0.0
    if held > MEMORY_SHARE * facts.memory_limit_mb:
        yield Reason("memory", 10, {"mb": round(held)})


def _minutes(seconds: float) -> int:
    return round(seconds / 60)
