"""The maker: imports freqtrade, opens the exchange, and forks the feeder and workers.

It talks to nobody but the hub, and fetches nothing once the exchange is open, so it is
never busy when a worker has to be replaced.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import traceback
from typing import TYPE_CHECKING, Any

import freqtrade
import freqtrade.configuration.configuration as freqtrade_configuration
import pandas as pd
from freqtrade.enums import RPCMessageType
from freqtrade.exceptions import ConfigurationError, FreqtradeException

from freqtrade_mgmt.runner.children import end_with
from freqtrade_mgmt.runner.exchange import exchange_open
from freqtrade_mgmt.runner.feeder import Feeder
from freqtrade_mgmt.runner.logs import Routed, logging_begin
from freqtrade_mgmt.runner.rest import Rest
from freqtrade_mgmt.runner.stand import problem_of
from freqtrade_mgmt.runner.wire import Wire
from freqtrade_mgmt.runner.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable


class Maker:
    """Makes processes for the hub until the hub has gone."""

    def __init__(self, wire: Wire, *, share_mb: float) -> None:
        self._wire = wire
        self._share = share_mb
        self._exchange: Any = None
        self._rest = Rest()
        self._does: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "fork": self._fork,
            "open": self._open,
            "reap": self._reap,
        }

    def run(self) -> None:
        """Work; returns when the hub has gone."""
        logging_begin(Routed(lambda line: self._wire.say({"line": line})))
        # A quarter faster where pandas would keep texts, and names of columns, in Arrow's
        # memory; the values are the same.
        pd.set_option("mode.string_storage", "python")
        # The logs of strategies are ours to keep apart.
        freqtrade_configuration.setup_logging = lambda _config: None
        topics = [kind.value for kind in RPCMessageType]
        self._wire.send({"ready": freqtrade.__version__, "topics": topics})
        while True:
            try:
                head, _body = self._wire.receive()
            except (EOFError, OSError):
                return
            self._wire.send({"done": head["task"], **self._does[head["do"]](head)})

    def _open(self, head: dict[str, Any]) -> dict[str, Any]:
        """Open the exchange that a bot's configuration names, once.

        Tells ok; if not, error, message, and whether that is true of the whole group.
        """
        if self._exchange is None:
            try:
                self._exchange = exchange_open(head["config"], head["userdir"])
            except Exception as error:  # noqa: BLE001 - told as a bot tells it
                code, text = problem_of(error)
                return {
                    "ok": False,
                    "error": code,
                    "message": text,
                    "shared": isinstance(error, FreqtradeException)
                    and not isinstance(error, ConfigurationError),
                }
            gc.collect()
            gc.freeze()
        return {"ok": True}

    def _fork(self, head: dict[str, Any]) -> dict[str, Any]:
        """Fork; tells the pid, or why the system refuses another process now."""
        maker = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            return {"ok": False, "message": str(error)}
        if pid == 0:
            self._child(head, maker)
        return {"pid": pid}

    def _child(self, head: dict[str, Any], maker: int) -> None:
        """Be a worker or the feeder; never returns."""
        code = 1
        try:
            end_with(maker)
            # No strategy is to speak for the maker.
            self._wire.close()
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.connect(head["socket"])
            wire = Wire(connection)
            wire.send({"hello": head["name"], "secret": head["secret"]})
            if head["kind"] == "feeder":
                Feeder(wire, self._exchange).run()
            else:
                Worker(wire, self._exchange, self._rest, self._share).run()
            code = 0
        except BaseException:  # noqa: BLE001 - a fork must never go on as its parent
            traceback.print_exc()
        finally:
            # Nothing of the parent's is to be finished here.
            os._exit(code)

    def _reap(self, head: dict[str, Any]) -> dict[str, Any]:
        """Return how a process has ended; its exit code, or minus the signal's number."""
        try:
            _pid, status = os.waitpid(head["pid"], 0)
        except ChildProcessError:
            return {"code": None}
        return {"code": os.waitstatus_to_exitcode(status)}


def maker_run(connection: socket.socket, parent: int, *, share_mb: float) -> None:
    """Be the maker in a process that was just forked; never returns."""
    code = 1
    try:
        end_with(parent)
        # The hub decides when all end.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        Maker(Wire(connection), share_mb=share_mb).run()
        code = 0
    except BaseException:
        logging.getLogger(__name__).exception("The maker of a runner has ended.")
        traceback.print_exc()
    finally:
        os._exit(code)
