"""Tries drafts that somebody wants to publish, beside the supervisor's other work."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

from freqtrade_mgmt.supervisor import trial_records
from freqtrade_mgmt.supervisor.trial_process import leftovers_remove, trial_run
from freqtrade_mgmt.supervisor.unprivileged import Identity, unprivileged_user
from freqtrade_mgmt.trial.verdict import Outcome, failed, verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    InThread = Callable[..., Awaitable[Any]]

logger = logging.getLogger(__name__)

AT_ONCE: Final = 2
SECONDS: Final = 30.0


def bot_user(python: Path) -> Identity | None:
    """Return the user that strategies run as here; None: the one that we are."""
    return unprivileged_user(python, settings.BTCW_HOME)


class Trials:
    """Starts trials that are wanted and records what came of them.

    ``in_thread`` runs a function off the event loop, in the thread of the database.
    ``run_as`` says who runs an interpreter; ``seconds`` is what one trial may take.
    """

    def __init__(
        self,
        in_thread: InThread,
        *,
        run_as: Callable[[Path], Identity | None] = bot_user,
        at_once: int = AT_ONCE,
        seconds: float = SECONDS,
    ) -> None:
        self._in_thread = in_thread
        self._run_as = run_as
        self._at_once = at_once
        self._seconds = seconds
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._clean = False

    async def tick(self) -> None:
        """Start what is wanted, as far as there is room; to be called once a second.

        Raises DatabaseError alone; trials that run go on then.
        """
        root = settings.BTCW_HOME / "trials"
        if not self._clean:
            await asyncio.to_thread(leftovers_remove, root)
            self._clean = True
        self._tasks = {k: task for k, task in self._tasks.items() if not task.done()}
        room = self._at_once - len(self._tasks)
        if room <= 0:
            return
        # "running" without a task of ours was left behind by a killed supervisor.
        waiting = await self._in_thread(trial_records.trials_open)
        for draft_id in [key for key in waiting if key not in self._tasks][:room]:
            self._tasks[draft_id] = asyncio.create_task(
                self._try(draft_id, root), name=f"trial of draft {draft_id}"
            )

    async def close(self) -> None:
        """End every trial; the drafts stay as they are and are tried at the next start."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks = {}

    async def _try(self, draft_id: int, root: Path) -> None:
        try:
            await self._try_and_record(draft_id, root)
        except DatabaseError as error:
            # It stays wanted or running, so a later tick tries it again.
            logger.warning(
                "The trial of draft %s could not be recorded (%s); it is made again.",
                draft_id,
                type(error).__name__,
            )

    async def _try_and_record(self, draft_id: int, root: Path) -> None:
        order = await self._in_thread(trial_records.trial_begin, draft_id)
        if order is None:
            return
        logger.info(
            "Draft %s: %s is tried with freqtrade %s.",
            draft_id,
            order.program.class_name,
            order.tried.version,
        )
        try:
            outcome = await self._outcome(order, root)
        except Exception as error:
            # Whatever is wrong with one trial must not end the supervisor, nor be
            # tried again every second.
            logger.exception("The trial of draft %s could not be made.", draft_id)
            outcome = failed("ours", problem=f"{type(error).__name__}: {error}")
        done = await self._finish(order, outcome)
        said = outcome.reason.english() if outcome.reason else "It passed."
        logger.info("The trial of draft %s: %s. %s", draft_id, done, said)

    async def _finish(self, order: trial_records.Order, outcome: Outcome) -> Any:
        whose = order.draft_id, order.fingerprint
        try:
            return await self._in_thread(trial_records.trial_finish, *whose, outcome)
        except (InterfaceError, OperationalError):
            raise
        except Exception as error:
            # As above: what cannot be published now cannot be in a second either.
            logger.exception("Draft %s could not be published.", order.draft_id)
            outcome = failed("ours", problem=f"{type(error).__name__}: {error}")
        return await self._in_thread(trial_records.trial_finish, *whose, outcome)

    async def _outcome(self, order: trial_records.Order, root: Path) -> Outcome:
        tried = replace(order.tried, seconds=round(self._seconds))
        run_as = await asyncio.to_thread(self._run_as, order.program.python)
        ended = await trial_run(
            order.program, root=root, run_as=run_as, seconds=self._seconds
        )
        return verdict(ended, tried)
