"""Gathers what is known of every strategy: from its process, its folder, its API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from django.conf import settings

from freqtrade_mgmt.bot_config import bot_name
from freqtrade_mgmt.health.asking import Said, ask_all
from freqtrade_mgmt.health.looking import Look, SharedLooks, look
from freqtrade_mgmt.health.shapes import RUNNING_STATE, Answer, Facts, Life

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from freqtrade_mgmt.health.shapes import Subject
    from freqtrade_mgmt.health.usual import Counts

# CPU time over less than this says nothing.
CPU_SECONDS: Final = 1.0


async def gather_facts(
    subjects: Sequence[Subject], counts: Counts, now: datetime
) -> dict[int, Facts]:
    """Return the facts of every wanted strategy, by id.

    All bots are asked at once; a bot that hangs costs its own time limit and nobody
    else's. What is blocking but quick (/proc, small files) is done in one thread.
    """
    wanted = [subject for subject in subjects if subject.wanted]
    shared = SharedLooks()
    looks = await asyncio.to_thread(
        lambda: {subject.strategy_id: look(subject, now, shared) for subject in wanted}
    )
    said = await ask_all(
        {
            key: seen.identity
            for key, seen in looks.items()
            if seen.identity is not None and seen.identity.bot_name == bot_name(key)
        }
    )
    return {
        subject.strategy_id: _facts(
            subject,
            looks[subject.strategy_id],
            said.get(subject.strategy_id),
            counts,
            now,
        )
        for subject in wanted
    }


def _facts(
    subject: Subject, seen: Look, said: Said | None, counts: Counts, now: datetime
) -> Facts:
    alive = seen.life is Life.ALIVE
    if said is None:
        # Alive without a readable folder: there is nobody to ask. On another machine
        # its supervisor has asked, and shows a bot that does not answer as starting.
        silent = Answer.SILENT if alive else Answer.NOT_ASKED
        spoken_for = alive and seen.afar
        said = Said(Answer.OK, state=RUNNING_STATE) if spoken_for else Said(silent)
    process = subject.process
    day, usual = counts.of(subject.strategy_id, subject.created_at, now)
    stamp = now.timestamp()
    return Facts(
        strategy_id=subject.strategy_id,
        status=subject.status,
        life=seen.life,
        answer=said.answer,
        reason=subject.reason,
        bot_state=said.state,
        uptime_s=_age(process.start_time, now) if process and alive else 0.0,
        watched_s=_age(subject.wanted_since, now),
        waited_s=_age(subject.no_process_since, now),
        heartbeat_age_s=_age(process.last_heartbeat, now) if process else None,
        last_process_age_s=(
            None if said.last_process is None else max(0.0, stamp - said.last_process)
        ),
        candle_s=subject.candle_s,
        pairs=pair_ages(subject, stamp),
        dropped=_dropped(subject, said),
        log=seen.log,
        signals_24h=day,
        usual_24h=usual,
        cpu_percent=_cpu_percent(subject, seen, stamp),
        memory_limit_mb=settings.BOT_MEMORY_MB,
        usage=seen.usage,
        freqtrade_version=said.version
        or (process.freqtrade_version if process else ""),
    )


def pair_ages(subject: Subject, now: float) -> Mapping[str, float | None]:
    """Return the age of each pair's newest analysed candle, since its close. Pure."""
    length = subject.candle_s or 0.0
    ages: dict[str, float | None] = {}
    for pair in subject.pairs:
        opened = subject.last_candles.get(pair)
        # Whole seconds: thousands of them are stored every half minute.
        ages[pair] = (
            None
            if opened is None
            else float(max(0, round(now - opened / 1000 - length)))
        )
    return ages


def _dropped(subject: Subject, said: Said) -> tuple[str, ...]:
    if said.whitelist is None:
        return ()
    kept = set(said.whitelist)
    return tuple(pair for pair in subject.pairs if pair not in kept)


def _cpu_percent(subject: Subject, seen: Look, now: float) -> float:
    process = subject.process
    if seen.usage is None or process is None:
        return 0.0
    if process.cpu_s is None or process.seen_at is None:
        return 0.0
    passed = now - process.seen_at
    if passed < CPU_SECONDS:
        return 0.0
    used = 100 * (seen.usage.cpu_s - process.cpu_s) / passed
    return max(0.0, used / seen.usage.heads)


def _age(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())
