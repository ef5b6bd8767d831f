"""Fan-out: signals from Redis to 200 and 1,000 WebSocket clients of the web process.

Beside it, in the same run and with the same clients: ``websockets`` with ``broadcast`` on
one Redis subscription. First a burst, for the frames a second; then 50 signals a second,
for the time until the last client has each.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
import psutil
import redis
from django.conf import settings
from django.utils import timezone

from btc_watcher.env import BASE_DIR, env
from btc_watcher.lib import redis_keys
from freqtrade_mgmt.supervisor.processes import free_port
from signals_app.consumers import HEARTBEAT
from signals_app.feed import cursor_now, publish
from signals_app.services import signals_record
from tests.benchmarks.latency import login
from tests.benchmarks.output import median, percentile, quick, report
from tests.benchmarks.setting import candle_close, make_strategies
from tests.e2e.system import WebServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.benchmarks.fanout_client import Address

CROWDS: Final = (200, 1_000)
# Frames of a burst, over all clients.
FRAMES: Final = 300_000
ROUNDS: Final = 3
PER_SECOND: Final = 50
SECONDS: Final = 20
PATIENCE: Final = 60.0
CHANNEL: Final = "bench:fanout"
KB: Final = 1_000


class Side(NamedTuple):
    """One of the two servers: how to reach it, and how it is told of events."""

    port: int
    # The address; pages go on from a cursor, so nothing is missed while they connect.
    path: Callable[[], str]
    headers: dict[str, str]
    process: psutil.Process
    tell: Callable[[Sequence[dict[str, Any]]], None]


class Crowd:
    """The process with the clients."""

    def __init__(self, side: Side, clients: int, *, deflate: bool) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.fanout_client"],
            cwd=BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        address: Address = {
            "port": side.port,
            "path": side.path(),
            "headers": side.headers,
            "heartbeat": HEARTBEAT,
            "deflate": deflate,
            "clients": clients,
        }
        self.connected = self._ask(address)

    def order(self, events: int, *, times: bool) -> None:
        """Have ``events`` counted on each connection from now on."""
        self._ask({"events": events, "seconds": PATIENCE, "times": times})

    def answer(self) -> dict[str, Any]:
        """Return what was counted; RuntimeError when something was lost."""
        found = self._hear()
        last = found.pop("last")
        if found["missing"] or found["notices"]:
            raise RuntimeError(
                f"Clients missed events, or were told to reload: {found}"
            )
        return found | {"last": last}

    def close(self) -> None:
        """End the process, and all connections with it."""
        self._child.communicate()

    def _ask(self, question: Any) -> dict[str, Any]:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(question) + "\n")
        self._child.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        if not (line := self._child.stdout.readline()):
            raise RuntimeError("The clients broke; see above.")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def crowd(side: Side, clients: int, *, deflate: bool) -> Iterator[Crowd]:
    """Connect clients, and hang up in the end."""
    found = Crowd(side, clients, deflate=deflate)
    try:
        yield found
    finally:
        found.close()


def burst(crowd: Crowd, side: Side, events: Sequence[dict[str, Any]]) -> float:
    """Return the seconds from the first event to its arrival with everybody."""
    crowd.order(len(events), times=False)
    started = time.perf_counter()
    side.tell(events)
    return float(crowd.answer()["ended"]) - started


def pace(crowd: Crowd, side: Side, events: Sequence[dict[str, Any]]) -> list[float]:
    """Return the seconds until the last client has each event, at PER_SECOND."""
    crowd.order(len(events), times=True)
    sent = []
    began = time.perf_counter()
    for number, event in enumerate(events):
        time.sleep(max(0.0, began + number / PER_SECOND - time.perf_counter()))
        sent.append(time.perf_counter())
        side.tell([event])
    last = crowd.answer()["last"]
    return [had - told for told, had in zip(sent, last, strict=True)]


def memory(process: psutil.Process) -> int:
    """Return the resident bytes of a process."""
    return int(process.memory_info().rss)


def seconds_of_work(process: psutil.Process) -> float:
    """Return what a process has used of a processor, which others do not change."""
    times = process.cpu_times()
    return float(times.user + times.system)


class Figures:
    """What is found about one side with one number of clients."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.rates: list[float] = []
        self.times: list[float] = []
        self.kb_per_client = 0.0
        self.cpu_us = 0.0

    def measure(
        self, clients: int, events: Sequence[dict[str, Any]], *, deflate: bool
    ) -> None:
        """Do one round; the first one looks at the memory and the pace too."""
        before = memory(self.side.process)
        with crowd(self.side, clients, deflate=deflate) as found:
            if not self.rates:
                grown = memory(self.side.process) - before
                self.kb_per_client = grown / clients / KB
                paced = PER_SECOND * (5 if quick() else SECONDS)
                chosen = list(itertools.islice(itertools.cycle(events), paced))
                busy = seconds_of_work(self.side.process)
                self.times = pace(found, self.side, chosen)
                busy = seconds_of_work(self.side.process) - busy
                self.cpu_us = busy / paced / clients * 1_000_000
            count = FRAMES // (3 if quick() else 1) // clients
            chosen = list(itertools.islice(itertools.cycle(events), count))
            self.rates.append(count * clients / burst(found, self.side, chosen))


def sample() -> list[dict[str, Any]]:
    """Return the events of some signals, as the intake publishes them."""
    candidates = candle_close(make_strategies(), timezone.now())[::10]
    signals_record(candidates)
    client = redis.Redis.from_url(settings.REDIS_URL)
    entries: Any = client.xrange(redis_keys.SIGNALS_STREAM)
    client.close()
    return [orjson.loads(fields[b"data"]) for _id, fields in entries]


@contextmanager
def bare_side() -> Iterator[Side]:
    """Start the bare server."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.fanout_bare", str(port)]
    child = subprocess.Popen([*command, settings.REDIS_URL, CHANNEL], cwd=BASE_DIR)
    client = redis.Redis.from_url(settings.REDIS_URL)
    numbers = itertools.count()

    def tell(events: Sequence[dict[str, Any]]) -> None:
        pipeline = client.pipeline(transaction=False)
        for event in events:
            cursor = f'{{"cursor":"{int(time.time() * 1000)}-{next(numbers)}","event":'
            pipeline.publish(CHANNEL, cursor.encode() + orjson.dumps(event) + b"}")
        pipeline.execute()

    try:
        while client.pubsub_numsub(CHANNEL)[0][1] == 0:
            if child.poll() is not None:
                raise RuntimeError("The bare server broke; see above.")
            time.sleep(0.05)
        yield Side(port, lambda: "/", {}, psutil.Process(child.pid), tell)
    finally:
        child.terminate()
        child.wait()
        client.close()


@contextmanager
def our_side(folder: Path) -> Iterator[Side]:
    """Start the web process, and log somebody in."""
    server = WebServer(dict(env.ENVIRON), folder / "web.log").start()
    try:
        headers = {"Cookie": login(server.url), "Origin": server.url}
        process = psutil.Process(server.pid)
        yield Side(server.port, _resuming, headers, process, publish)
    finally:
        server.stop()


def _resuming() -> str:
    return f"/ws/signals/?after={cursor_now()}"


def compare(clients: int, events: Sequence[dict[str, Any]], *, deflate: bool) -> None:
    """Measure both sides in turn, and print."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        ours = Figures(stack.enter_context(our_side(folder)))
        bare = Figures(stack.enter_context(bare_side()))
        for _ in range(1 if quick() else ROUNDS):
            for side in (bare, ours):
                side.measure(clients, events, deflate=deflate)
    report(
        "fanout",
        clients=clients,
        compressed=deflate,
        frames_per_second=median(ours.rates),
        bare_frames_per_second=median(bare.rates),
        ratio=median(ours.rates) / median(bare.rates),
        p50_of_last_ms=percentile(ours.times, 0.5) * 1000,
        p99_of_last_ms=percentile(ours.times, 0.99) * 1000,
        bare_p50_of_last_ms=percentile(bare.times, 0.5) * 1000,
        bare_p99_of_last_ms=percentile(bare.times, 0.99) * 1000,
        cpu_us_per_frame_at_pace=ours.cpu_us,
        bare_cpu_us_per_frame_at_pace=bare.cpu_us,
        kb_per_client=ours.kb_per_client,
        bare_kb_per_client=bare.kb_per_client,
        goal="ratio 0.5, p99 of the last client 100 ms at 50 a second",
    )


def main() -> None:
    """Measure programs, which ask for no compression, and browsers, which do."""
    events = sample()
    for clients, deflate in itertools.product(CROWDS, (False, True)):
        if not (quick() and deflate and clients == max(CROWDS)):
            compare(clients, events, deflate=deflate)
