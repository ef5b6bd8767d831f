"""From a job to a process: the bot's folder, its user, its limits."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

from freqtrade_mgmt.bot_config import (
    BotCredentials,
    BotIdentity,
    BotPaths,
    bot_command,
    bot_environment,
    bot_folder_write,
    bot_name,
    reached_at,
)
from freqtrade_mgmt.here import unwritable
from freqtrade_mgmt.leases.reach import reach_written
from freqtrade_mgmt.supervisor import records
from freqtrade_mgmt.supervisor.bots import Life
from freqtrade_mgmt.supervisor.limits import limits_of
from freqtrade_mgmt.supervisor.logs import size
from freqtrade_mgmt.supervisor.processes import RUN_MARK, BotProcess
from freqtrade_mgmt.supervisor.unprivileged import Identity, give, unprivileged_user
from strategies.services import process_started

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from freqtrade_mgmt.supervisor.processes import AnyProcess, Port
    from freqtrade_mgmt.supervisor.records import Job
    from strategies.models import StrategyProcess


@dataclass(frozen=True, slots=True)
class Launch:
    """A start that is prepared: everything is on disk, nothing runs yet.

    ``run`` marks this one start in the environment of the process, ``bridge`` is the
    key of the bridge that the bot goes through, if it does; ``own`` is why it does not
    share a process, where it might.
    """

    job: Job
    bridge: str
    run: str
    paths: BotPaths
    identity: BotIdentity
    user: Identity | None
    log_starts: tuple[int, int]
    own: str = ""

    @classmethod
    def prepare(cls, job: Job, port: int, bridge: str = "") -> Launch:
        """Write the bot's folder; raises ConfigurationError when it cannot work.

        NotHereError and OSError say that it cannot work on this machine.
        """
        credentials = BotCredentials.random()
        folder = records.bot_folder(job.spec.strategy_id)
        _passage(folder.parent)
        paths = bot_folder_write(
            folder,
            job.spec,
            credentials,
            port,
            settings.SIMULATOR_URL,
            bind=settings.BOT_BIND,
        )
        user = unprivileged_user(job.python, folder.parent)
        give(paths.folder, user)
        return cls(
            job=job,
            bridge=bridge,
            run=uuid.uuid4().hex,
            paths=paths,
            identity=BotIdentity(
                credentials,
                port,
                bot_name(job.spec.strategy_id),
                reached_at(settings.BOT_BIND),
            ),
            user=user,
            log_starts=(size(paths.console), size(paths.log)),
        )

    @property
    def as_root(self) -> bool:
        """Whether the bot would be root, because there is no user of its own here."""
        return self.user is None and os.geteuid() == 0

    def record(self, host: Mapping[str, object] | None = None) -> StrategyProcess:
        """Record the process that is about to start, and what is known of it.

        ``host`` says which other process it is to be a part of.
        """
        details: dict[str, object] = {
            "port": self.identity.port,
            "freqtrade_version": self.job.freqtrade_version,
            "revision": self.job.revision,
            "run": self.run,
            "own_user": self.user is not None,
            "node": settings.NODE_NAME[:100],
        }
        details |= host or {"own": self.own or self.job.own}
        if reach := reach_written(self.job.spec.strategy_id, self.identity):
            details["reach"] = reach
        if self.job.way is not None:
            details["proxy"] = self.job.way.number
            details["proxy_name"] = self.job.way.name
            details["bridge"] = self.bridge
        return process_started(self.job.spec.strategy_id, details=details)

    def start(self) -> BotProcess:
        """Start the process."""
        environment = bot_environment(self.paths, self.job.spec)
        return BotProcess.start(
            bot_command(self.job.python, self.paths),
            folder=self.paths.folder,
            environment={**environment, RUN_MARK: self.run},
            console=self.paths.console,
            run_as=self.user,
            limits=limits_of(settings.BOT_MEMORY_MB, own_user=self.user is not None),
        )

    def life(self, process: AnyProcess, row: int, port: Port) -> Life:
        """Return the life that begins with ``process``, recorded in ``row``."""
        job, proxy = self.job, self.job.spec.proxy
        password = (proxy.password,) if proxy is not None and proxy.password else ()
        return Life(
            process=process,
            row=row,
            paths=self.paths,
            identity=self.identity,
            revision=job.revision,
            freqtrade_version=job.freqtrade_version,
            proxy=job.way.name if job.way is not None else "",
            bridge=self.bridge,
            port=port,
            log_starts=self.log_starts,
            secrets=(*(job.spec.live or ()), *password),
        )


def _passage(folder: Path) -> None:
    """Make the folder of all bots: users pass through to their own, and see no names."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)
    except OSError as error:
        raise unwritable(folder, error) from error
