"""Looks at a bot from outside: its process, its folder, its log. Nothing is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psutil
from django.conf import settings

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.bot_config import BotIdentity, BotPaths, bot_folder_read
from freqtrade_mgmt.health.logs import log_facts
from freqtrade_mgmt.health.shapes import HEARTBEAT_AGE, Life, LogFacts, Usage
from freqtrade_mgmt.leases.reach import reach_read
from freqtrade_mgmt.supervisor.hosting_memory import cpu_seconds
from freqtrade_mgmt.supervisor.identity import ProcessKey
from freqtrade_mgmt.supervisor.records import bot_folder

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from freqtrade_mgmt.health.shapes import ProcessRow, Subject

MB: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen; ``identity`` is None when the bot cannot be asked.

    ``afar``: it runs on another machine, whose supervisor speaks for it.
    """

    life: Life
    usage: Usage | None = None
    identity: BotIdentity | None = None
    log: LogFacts = field(default_factory=LogFacts)
    afar: bool = False


class SharedLooks:
    """What the shared processes of a round use: each is looked at once."""

    def __init__(self) -> None:
        self._seconds: dict[ProcessKey, float | None] = {}

    def usage(self, row: ProcessRow, alone: Usage) -> Usage:
        """Return the part of one strategy of what its process uses, ``alone``."""
        if not row.runner or row.pid is None or row.create_time is None:
            return alone
        key = ProcessKey(row.pid, row.create_time, row.origin)
        if key not in self._seconds:
            self._seconds[key] = cpu_seconds(key)
        seconds = self._seconds[key]
        share = alone.rss_mb / row.heads if row.share_mb is None else row.share_mb
        return Usage(alone.cpu_s if seconds is None else seconds, share, row.heads)


def look(subject: Subject, now: datetime, shared: SharedLooks | None = None) -> Look:
    """Look at the bot of a strategy."""
    row = subject.process
    if row is not None and row.node not in {"", settings.NODE_NAME}:
        return _look_afar(subject.strategy_id, row, now)
    folder = bot_folder(subject.strategy_id)
    life, usage = process_look(subject.process)
    if row is not None and usage is not None and shared is not None:
        usage = shared.usage(row, usage)
    identity = _identity(folder) if life is Life.ALIVE else None
    secrets = () if identity is None else _secrets(identity)
    alive = subject.process if life is Life.ALIVE else None
    born = None if alive is None else alive.start_time
    log = log_facts(BotPaths.of(folder).log, now, secrets, born=born)
    return Look(life, usage, identity, log)


def _look_afar(strategy_id: int, row: ProcessRow, now: datetime) -> Look:
    """Take the word of the supervisor there; only the bot itself can be asked."""
    age = (now - row.last_heartbeat).total_seconds()
    if age > HEARTBEAT_AGE:
        return Look(Life.DEAD, afar=True)
    identity = reach_read(strategy_id, row.reach)
    return Look(Life.ALIVE, identity=identity, afar=True)


def process_look(row: ProcessRow | None) -> tuple[Life, Usage | None]:
    """Tell whether the very process of a row lives, by pid and creation time."""
    # A row without a pid was written just before its process was made.
    if row is None or row.pid is None or row.create_time is None:
        return Life.NONE, None
    try:
        process = psutil.Process(row.pid)
        with process.oneshot():
            key = ProcessKey(row.pid, row.create_time, row.origin)
            if not key.names(process) or process.status() == psutil.STATUS_ZOMBIE:
                return Life.DEAD, None
            times = process.cpu_times()
            rss = process.memory_info().rss
    except psutil.Error:
        return Life.DEAD, None
    return Life.ALIVE, Usage(times.user + times.system, rss / MB)


def _identity(folder: Path) -> BotIdentity | None:
    try:
        return bot_folder_read(folder)
    except ConfigurationError:
        return None


def _secrets(identity: BotIdentity) -> tuple[str, ...]:
    who = identity.credentials
    return (who.password, who.jwt_secret_key, who.ws_token)
