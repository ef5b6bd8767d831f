"""One run, inside of the environment that ``__main__`` has made: start, soak, settle, judge."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

import psycopg
import redis
import requests

from btc_watcher.env import HOME, env
from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.local.lock import up_lock
from btc_watcher.local.terminal import Terminal
from tests.soak.faults import schedule
from tests.soak.options import parser
from tests.soak.proxies import MortalProxy
from tests.soak.receivers import HookReceiver
from tests.soak.report import FAILED, Check, Report
from tests.soak.session import Session
from tests.soak.strategies import SOAKED
from tests.soak.system import SoakSystem

if TYPE_CHECKING:
    from argparse import Namespace
    from types import FrameType

    from tests.soak.session import Around

# The system did not answer when it was asked for the last time.
UNFORESEEN = (psycopg.Error, requests.RequestException, redis.RedisError, OSError)
NAMES = [each.name for each in SOAKED]


def main() -> int:
    """Run; print the report; return the exit code."""
    asked = parser().parse_args()
    # What is told on the way is no part of the report.
    terminal = Terminal(sys.stderr)
    began = time.monotonic()
    report = Report(seed=asked.seed, minutes=asked.minutes)
    # Also where a shell has started us in the background, which ignores Ctrl-C.
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        with (
            up_lock(HOME),
            MortalProxy() as tokyo,
            MortalProxy() as osaka,
            HookReceiver() as receiver,
        ):
            _soak(report, terminal, (tokyo, osaka, receiver), asked)
    except BtcWatcherError as error:
        report.checks.append(Check("run", FAILED, error.message))
    except UNFORESEEN as error:
        report.checks.append(Check("run", FAILED, f"{type(error).__name__}: {error}"))
    except KeyboardInterrupt:
        return 130
    report.seconds = time.monotonic() - began
    sys.stdout.write((report.json() if asked.json else report.text()) + "\n")
    return 0 if report.ok else 1


def _soak(report: Report, terminal: Terminal, around: Around, asked: Namespace) -> None:
    tokyo, osaka, receiver = around
    system = SoakSystem(HOME, report.seed, terminal)
    try:
        system.start(
            {"proxy_ports": [tokyo.port, osaka.port], "receiver": receiver.base}
        )
        session = Session(system, report, around, asked.browsers)
        try:
            session.begin(env.str("BTCW_ADMIN_PASSWORD"))
            session.soak(
                [] if asked.calm else schedule(report.seed, report.minutes * 60, NAMES)
            )
            session.settle()
            session.judge()
        finally:
            session.end()
    finally:
        # A second Ctrl-C must not leave anything running.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        system.stop()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
