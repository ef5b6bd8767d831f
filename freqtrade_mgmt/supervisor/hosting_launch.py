"""A start that is prepared, into a runner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from freqtrade_mgmt.supervisor.hosting_places import Load
from freqtrade_mgmt.supervisor.hosting_process import HostedProcess

if TYPE_CHECKING:
    from freqtrade_mgmt.supervisor.bots import Life
    from freqtrade_mgmt.supervisor.hosting_groups import Weight
    from freqtrade_mgmt.supervisor.hosting_runner import Runner
    from freqtrade_mgmt.supervisor.launch import Launch
    from freqtrade_mgmt.supervisor.processes import AnyProcess, Port
    from strategies.models import StrategyProcess


@dataclass(frozen=True, slots=True)
class HostedLaunch:
    """A start that is prepared, into a runner. It has the face of a Launch."""

    launch: Launch
    runner: Runner
    weight: Weight

    def record(self) -> StrategyProcess:
        """Record the start that is about to happen, and where."""
        more = {"runner": self.runner.name, "analyses": self.weight.analyses}
        return self.launch.record(more)

    def start(self) -> HostedProcess:
        """Have it loaded."""
        launch = self.launch
        load = Load(
            strategy_id=launch.job.spec.strategy_id,
            run=launch.run,
            weight=self.weight,
            config=str(launch.paths.config),
            userdir=str(launch.paths.folder),
            log=str(launch.paths.log),
        )
        return HostedProcess(self.runner, self.runner.take(load))

    def life(self, process: AnyProcess, row: int, port: Port) -> Life:
        """Return the life that begins with ``process``, recorded in ``row``."""
        return self.launch.life(process, row, port)
