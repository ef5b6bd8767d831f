"""Doing the faults to the running system, and ending those that last."""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING

import psutil
import psycopg
import redis

from tests.soak import stored
from tests.soak.faults import SAME_BOT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from freqtrade_mgmt.simulator import Fault as ExchangeFault
    from tests.soak.faults import Fault
    from tests.soak.proxies import MortalProxy
    from tests.soak.receivers import HookReceiver
    from tests.soak.samples import Sampler
    from tests.soak.system import SoakSystem

# The plan keeps to it by name; this is about processes.
SPARED = SAME_BOT_SECONDS - 10
KILLED: dict[str, str] = {
    "supervisor killed": "supervisor",
    "web killed": "web",
    "worker killed": "worker",
    "urgent worker killed": "worker-urgent",
    "beat killed": "beat",
    "Redis killed": "valkey",
    "PostgreSQL killed": "postgres",
}
ANSWERS: dict[str, ExchangeFault] = {
    "exchange answers 500": "500",
    "exchange answers 429": "429",
    "exchange hangs": "hang",
    "exchange drops connections": "drop",
    "exchange answers garbage": "garbage",
}
RECEIVER: dict[str, str] = {
    "receiver answers 500": "500",
    "receiver answers 429": "429",
}


class Inflicter:
    """Knows how each fault is done. All calls come from the thread of the system."""

    def __init__(
        self,
        system: SoakSystem,
        sampler: Sampler,
        proxy: MortalProxy,
        receiver: HookReceiver,
    ) -> None:
        self._system, self._sampler = system, sampler
        self._proxy, self._receiver = proxy, receiver
        self._endings: list[tuple[float, str, Callable[[], None]]] = []
        # When each strategy lost its process through us.
        self._hit: dict[str, float] = {}

    def begin(self, fault: Fault) -> str:
        """Do a fault; return what was done, "" when there was nothing to do it to."""
        if self._is_on(fault.kind):
            return ""
        done = (
            self._kill(fault)
            or self._redis_or_postgres(fault)
            or self._exchange(fault)
            or self._proxy_or_receiver(fault)
        )
        return fault.told() if done else ""

    def end_due(self) -> list[str]:
        """End what has lasted long enough; return what was ended."""
        now = time.monotonic()
        due = [each for each in self._endings if each[0] <= now]
        self._endings = [each for each in self._endings if each[0] > now]
        for _at, _kind, ending in due:
            ending()
        return [kind for _at, kind, _ending in due]

    def end_all(self) -> None:
        """End everything that lasts."""
        for _at, _kind, ending in self._endings:
            ending()
        self._endings.clear()

    def _is_on(self, kind: str) -> bool:
        # One exchange, one receiver: what lasts there ends before the next begins.
        first = kind.split(maxsplit=1)[0]
        return any(other.split()[0] == first for _at, other, _ending in self._endings)

    def _lasts(self, fault: Fault, ending: Callable[[], None]) -> bool:
        self._endings.append((time.monotonic() + fault.seconds, fault.kind, ending))
        return True

    def _kill(self, fault: Fault) -> bool:
        if fault.target:
            return self._kill_bot(fault.target)
        name = KILLED.get(fault.kind)
        process = self._system.process(name) if name else None
        if process is None:
            return False
        process.kill()
        return True

    def _kill_bot(self, name: str) -> bool:
        pids: dict[str, int] = {}
        with contextlib.suppress(psycopg.Error):
            pids = dict(self._system.rows(stored.BOTS))
        pid = pids.get(name)
        # One process may carry many strategies, each of which counts its own crashes.
        family = [other for other in pids if pids[other] == pid]
        now = time.monotonic()
        recent = [each for each in family if now - self._hit.get(each, -1e9) < SPARED]
        if pid is None or recent:
            return False
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            # A number that was given to another process meanwhile is not ours to kill.
            if str(self._system.home) in " ".join([*process.cmdline(), process.cwd()]):
                process.kill()
                self._hit |= dict.fromkeys(family, now)
                return True
        return False

    def _redis_or_postgres(self, fault: Fault) -> bool:
        if fault.kind == "Redis flushed":
            try:
                self._system.redis().flushall()
            except (redis.RedisError, OSError):
                return False
            self._sampler.flushes += 1
            return True
        server = self._system.process("postgres")
        if fault.kind == "PostgreSQL restarted" and server is not None:
            # "Fast": every connection is ended, then the server in good order.
            server.send_signal(signal.SIGINT)
            return True
        return False

    def _exchange(self, fault: Fault) -> bool:
        exchange = self._system.exchange
        if fault.kind == "exchange answers late":
            exchange.late = True
            return self._lasts(fault, lambda: setattr(exchange, "late", False))
        answer = ANSWERS.get(fault.kind)
        if answer is None:
            return False
        exchange.set_fault(answer)
        return self._lasts(fault, lambda: exchange.set_fault(None))

    def _proxy_or_receiver(self, fault: Fault) -> bool:
        receiver = self._receiver
        if fault.kind == "proxy dies":
            self._proxy.die()
            return self._lasts(fault, self._proxy.revive)
        if fault.kind == "receiver hangs":
            receiver.hold = True
            return self._lasts(fault, lambda: setattr(receiver, "hold", False))
        if fault.kind in RECEIVER:
            receiver.fault = RECEIVER[fault.kind]
            return self._lasts(fault, lambda: setattr(receiver, "fault", ""))
        return False
