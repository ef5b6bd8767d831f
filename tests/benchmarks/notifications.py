"""Notifications: a burst for five channels, a P0 behind 10,000 P2, and all at full speed.

Workers are the two of ``make up``; the provider is on loopback and has no limits.
Beside the speed, in the same run: the bare HTTP client with as many threads.
"""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psutil
import requests
from django.db import connection
from django.utils import timezone

from btc_watcher.env import BASE_DIR, env
from btc_watcher.lib.outgoing import OutgoingSession
from btc_watcher.lib.redis_keys import DEFAULT_QUEUE, PRIORITIES, notifications_queue
from btc_watcher.programs import URGENT_THREADS, WORKER_THREADS
from notifications.dispatch import messages_send
from notifications.messages import Message
from notifications.models import Notification, NotificationChannel, NotificationFanOut
from notifications.services import channel_create, fan_out_apply
from tests.benchmarks.burst import intake_seconds
from tests.benchmarks.output import median, quick, report
from tests.benchmarks.setting import candle_close, make_strategies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CHANNELS = 5
WAITING = 10_000
NO_LIMITS = dict.fromkeys(("second", "minute", "hour", "day"))


def empty() -> None:
    """Forget all notifications, as between two candles of different hours."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE notification_history, notification_fan_outs")


def burst() -> None:
    """Compare the intake's time with no, one and five channels, in turn."""
    strategies = make_strategies()
    channel = NotificationChannel.objects.get()
    others = [
        channel_create(name=f"bench {number}", type="email", config=channel.config)
        for number in range(1, CHANNELS)
    ]
    gc.freeze()
    now = timezone.now().replace(second=0, microsecond=0)
    seconds: dict[int, list[float]] = {0: [], 1: [], CHANNELS: []}
    later: list[float] = []
    for step in range(3 * (1 + (4 if quick() else 9))):
        count = (0, 1, CHANNELS)[step % 3]
        NotificationChannel.objects.filter(id=channel.id).update(enabled=count > 0)
        NotificationChannel.objects.filter(id__in=[o.id for o in others]).update(
            enabled=count > 1
        )
        candidates = candle_close(strategies, now - timedelta(seconds=step))
        seconds[count].append(intake_seconds(candidates)[0])
        for fan_out in NotificationFanOut.objects.values_list("id", flat=True):
            started = time.perf_counter()
            fan_out_apply(fan_out_id=fan_out, now=timezone.now())
            later.append(time.perf_counter() - started)
            assert Notification.objects.count() == CHANNELS * len(candidates)
        empty()
    # The first of each kind is not counted: plans and connections are warm after it.
    none, one, five = (median(each[1:]) for each in seconds.values())
    report(
        "burst for five channels",
        signals=len(strategies) * 100,
        rows=len(strategies) * 100 * CHANNELS,
        intake_seconds_without_channels=none,
        intake_seconds_with_one=one,
        intake_seconds_with_five=five,
        ratio_of_five_to_one=five / one,
        ratio_of_five_to_none=five / none,
        worker_seconds_for_the_other_rows=median(later[1:]),
        goal="five at most 1.3 x the intake",
    )
    NotificationChannel.objects.filter(type="email").update(enabled=False)


@contextlib.contextmanager
def provider() -> Iterator[str]:
    """Start the provider; give its address."""
    command = [sys.executable, "-m", "tests.benchmarks.provider"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(child.stdout.readline())}"
        finally:
            child.terminate()


@contextlib.contextmanager
def workers() -> Iterator[list[psutil.Process]]:
    """Run the two workers of ``make up``."""
    everything = [*map(notifications_queue, PRIORITIES), DEFAULT_QUEUE]
    lanes = {
        "all": (WORKER_THREADS, everything),
        "urgent": (URGENT_THREADS, everything[:1]),
    }
    children = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "btc_watcher", "worker"),
                *("-n", f"{name}@bench", "--pool", "threads", "-c", str(threads)),
                *("-Q", ",".join(queues), "--without-gossip", "--without-mingle"),
                *("-l", "ERROR"),
            ],
            cwd=BASE_DIR,
            env=dict(env.ENVIRON),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name, (threads, queues) in lanes.items()
    ]
    try:
        yield [psutil.Process(child.pid) for child in children]
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(30)


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    """Return when ``condition`` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def came(base: str) -> dict[str, Any]:
    """Return what the provider received."""
    answer: dict[str, Any] = requests.get(base, timeout=10).json()
    return answer


def notices(count: int, priority: str, title: str = "notice") -> list[Message]:
    """Return messages as long as those about signals."""
    body = "\n".join(f"Indicator {line}: {line * 1.234:.6g}" for line in range(12))
    return [
        Message("signal", priority, f"{title}-{number}", body)
        for number in range(count)
    ]


def urgent(base: str) -> None:
    """Send single P0 while the workers are busy with 10,000 P2."""
    tries = 5 if quick() else 20
    messages_send(notices(WAITING, "P2"))
    # The tasks of all of them are queued before the first worker takes one.
    with workers():
        wait_for(lambda: len(came(base)["times"]) > 50)
        sent = {}
        for number in range(tries):
            (notice,) = notices(1, "P0", "urgent")
            title = f"urgent-{number}"
            sent[title] = time.monotonic()
            messages_send([Message("signal", "P0", title, notice.body)])
            time.sleep(0.25)
        wait_for(lambda: len(came(base)["marked"]) == tries)
        left = WAITING - len(came(base)["times"]) + tries
        marked = came(base)["marked"]
    seconds = sorted(marked[title] - moment for title, moment in sent.items())
    report(
        "a P0 behind 10,000 P2",
        p2_that_still_wait=left,
        tries=tries,
        accepted_ms_median=median(seconds) * 1000,
        accepted_ms_worst=seconds[-1] * 1000,
        goal="worst below 1000",
    )
    empty()


def bare_rate(base: str, count: int) -> float:
    """Return how many messages a second the bare client delivers with as many threads."""
    request = {"chat_id": 1, "text": notices(1, "P1")[0].content}

    def work(_number: int) -> None:
        with OutgoingSession() as session:
            session.call("POST", f"{base}/bot1:x/sendMessage", json=request)

    started = time.perf_counter()
    with ThreadPoolExecutor(WORKER_THREADS) as pool:
        list(pool.map(work, range(count)))
    return count / (time.perf_counter() - started)


def processor_seconds(processes: Sequence[psutil.Process]) -> float:
    """Return how long processes have computed, whoever else uses the machine."""
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


def speed(base: str) -> None:
    """Deliver P0, which both workers take, as fast as they can."""
    count = 3000 if quick() else 10_000
    bare = bare_rate(base, count // 2)
    before = len(came(base)["times"])
    with workers() as processes:
        messages_send(notices(200, "P0", "warm"))
        wait_for(lambda: len(came(base)["times"]) >= before + 200)
        used = processor_seconds(processes)
        messages_send(notices(count, "P0"))
        wait_for(lambda: len(came(base)["times"]) >= before + 200 + count)
        wait_for(lambda: not Notification.objects.filter(status="pending").exists())
        used = processor_seconds(processes) - used
    times = sorted(came(base)["times"])[-count:]
    bare = median([bare, bare_rate(base, count // 2)])
    rate = (len(times) - 1) / (times[-1] - times[0])
    report(
        "messages a second",
        messages=count,
        delivered_and_recorded_rate=rate,
        bare_client_rate=bare,
        ratio=rate / bare,
        workers_processor_ms_each=used / count * 1000,
        goal="at least 300 a second",
    )


def main() -> None:
    """Measure and print."""
    burst()
    with provider() as base:
        channel_create(
            name="provider",
            type="telegram",
            config={
                "token": "1:x",
                "chat_id": 1,
                "api_base": base,
                "speed": {"P1": 0, "P2": 0},
            },
            rate_limit_config=NO_LIMITS,
        )
        urgent(base)
        speed(base)
