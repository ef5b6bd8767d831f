"""From a launch that is prepared to a life, and what is left where that came to nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from freqtrade_mgmt.supervisor import records
from strategies.models import Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from freqtrade_mgmt.supervisor.bots import Life
    from freqtrade_mgmt.supervisor.hosting import HostedLaunch
    from freqtrade_mgmt.supervisor.launch import Launch
    from freqtrade_mgmt.supervisor.leasing import Leases
    from freqtrade_mgmt.supervisor.processes import AnyProcess, Port


class Starting:
    """Starts the processes of bots.

    ``in_thread`` runs a function off the event loop, in the thread of the database.
    """

    def __init__(
        self, in_thread: Callable[..., Awaitable[Any]], leases: Leases
    ) -> None:
        self._in_thread = in_thread
        self._leases = leases
        # Starts that came to nothing: rows of processes that never were.
        self._vain: set[int] = set()

    async def launch(
        self, strategy_id: int, launch: Launch | HostedLaunch, port: Port
    ) -> Life:
        """Start a bot; raises LeaseGoneError, OSError, DatabaseError."""
        # Recorded before it exists: killed in between, we find it by its mark.
        row = await self._in_thread(launch.record)
        process: AnyProcess | None = None
        try:
            self._leases.check(strategy_id)
            process = launch.start()
            await self._in_thread(records.known, row.pk, process.key)
        except BaseException:
            # Unrecorded, it would run beside the next one.
            if process is not None:
                process.kill()
            self._vain.add(row.pk)
            raise
        return launch.life(process, row.pk, port)

    async def bury_vain(self) -> None:
        """Close the rows of starts that came to nothing; raises DatabaseError."""
        for row in list(self._vain):
            reason = "it could not be started"
            await self._in_thread(
                partial(records.buried, row, 0, status=Status.ERROR, reason=reason)
            )
            self._vain.discard(row)
