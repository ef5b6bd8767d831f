"""Run the supervisor of the bots."""

from __future__ import annotations

import asyncio
import fcntl
import signal
import time
from typing import IO, Any, Final

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connections
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import SERVER, Example
from btc_watcher.lib.garbage import garbage_settle
from freqtrade_mgmt.supervisor.installs import supervisor_lock_path
from freqtrade_mgmt.supervisor.service import Supervisor

TRIES: Final = 5
PAUSE_SECONDS: Final = 0.1
FROZEN_MS: Final = 15_000


class Command(PlainCommand):
    """Starts and stops bots to match the strategies, and collects their signals."""

    help = gettext_lazy(
        "Run the supervisor: it starts and stops freqtrade bots as the strategies ask"
        " and collects their signals. Ends its bots on SIGTERM. One per BTCW_HOME."
    )
    examples = (
        Example(
            gettext_lazy(
                "Beside a web server and workers of yours; it runs until told"
            ),
            "run_supervisor",
        ),
    )
    is_lasting = True
    endings = SERVER | {1: gettext_lazy("another one runs already, or it broke off")}

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        path = supervisor_lock_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as lock:
            if not _locked(lock):
                raise CommandError(
                    _("A supervisor runs already for %(home)s; stop it first.")
                    % {"home": settings.BTCW_HOME}
                )
            _let_go_when_frozen()
            # Searching for garbage in the middle of a candle close cost a tenth of a
            # second each time.
            garbage_settle()
            asyncio.run(_supervise())


def _locked(lock: IO[str]) -> bool:
    """Take the lock; whoever only looks for a supervisor holds it for a moment."""
    for _try in range(TRIES):
        try:
            # Freed by the kernel when we die, however we die.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE_SECONDS)
        else:
            return True
    return False


def _let_go_when_frozen() -> None:
    """Have the database end a transaction of ours that stands still.

    A supervisor that hangs, or is cut off, would hold the locks of its strategies, and
    the node that takes them over could not write their state.
    """
    options: dict[str, Any] = connections["default"].settings_dict["OPTIONS"]
    wanted = f"-c idle_in_transaction_session_timeout={FROZEN_MS}"
    options["options"] = f"{options.get('options', '')} {wanted}".strip()


async def _supervise() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    companion = import_string(settings.SUPERVISOR_COMPANION)
    async with companion():
        await Supervisor().run(stop)
