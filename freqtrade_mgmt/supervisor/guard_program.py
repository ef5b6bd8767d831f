"""Ends the bots of a home when its supervisor has not renewed their leases in time.

A program of its own: it lives on when the supervisor is killed, and imports nothing of
ours. The supervisor writes into ``run/guard.until`` until when bots may run, on the clock
that nobody sets and that counts a machine's sleep, and into ``run/guard.json`` whether
that is meant. It ends when no supervisor of this home is left and no bot has to be
watched.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_SECONDS: Final = 0.5
MOMENT: Final = "guard.until"
MOMENT_SIZE: Final = 32
TRIES: Final = 10
PAUSE_SECONDS: Final = 0.1
# In a command line its folder follows this: a bot's, and one that bots share.
FOLDER_OPTIONS: Final = {b"--userdir": "bots", b"--folder": "runners"}
STARTED_FIELD: Final = 19


def main(home: Path) -> None:
    """Watch until nobody needs it."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with (home / "run" / "guard.lock").open("a") as lock:
        if not _alone(lock):
            return
        while True:
            order = _order(home)
            if order is not None and _late(order):
                _end_bots(home, order)
            if _done(home, order):
                return
            time.sleep(LOOK_SECONDS)


def _alone(lock: IO[str]) -> bool:
    """Take the lock; whoever only looks for a guard holds it for a moment."""
    for _ in range(TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE_SECONDS)
        else:
            return True
    return False


def _order(home: Path) -> dict[str, Any] | None:
    """Return what the supervisor wants; None: nothing, or of an earlier start."""
    try:
        order: dict[str, Any] = json.loads(
            (home / "run" / "guard.json").read_text(encoding="utf-8")
        )
        if order["on"] is not True or order["boot"] != boot():
            return None
        with (home / "run" / MOMENT).open("rb") as moment:
            return order | {"until": float(moment.read(MOMENT_SIZE))}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _late(order: dict[str, Any]) -> bool:
    return time.clock_gettime(time.CLOCK_BOOTTIME) > float(order["until"])


def _done(home: Path, order: dict[str, Any] | None) -> bool:
    """Tell whether nobody needs us; then no supervisor can start before we are gone."""
    supervisor = os.open(home / "run" / "supervisor.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(supervisor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(supervisor)
        return False
    if order is not None and next(_bots(home), None) is not None:
        os.close(supervisor)
        return False
    return True


def _end_bots(home: Path, order: dict[str, Any]) -> None:
    """Kill every bot with all of its session, again and again until none is left."""
    named = {
        int(pid)
        for pid, origin in order.get("bots", [])
        if origin and origin_of(int(pid)) == origin
    }
    ended = named | set(_bots(home))
    if ended:
        _say(home, f"killed {sorted(ended)}: no lease was renewed in time")
    for pid in ended:
        with contextlib.suppress(OSError):
            group = os.getpgid(pid)
            # Bots lead their groups. Others who look into a bot's folder die alone.
            if group != os.getpgid(0) and (group == pid or pid in named):
                os.killpg(group, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _bots(home: Path) -> Iterator[int]:
    """Yield the living processes whose command line names a bot's folder of this home."""
    starts = {
        option: os.fsencode(home / place) + b"/"
        for option, place in FOLDER_OPTIONS.items()
    }
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(
            word in starts and following.startswith(starts[word])
            for word, following in itertools.pairwise(words)
        ):
            yield int(entry.name)


def origin_of(pid: int) -> str:
    """Return the start of a process as the kernel counts it, with the machine's own."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return f"{boot()}:{text.rpartition(')')[2].split()[STARTED_FIELD]}"
    except (OSError, IndexError):
        return ""


def boot() -> str:
    """Return the mark of the machine's start."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _say(home: Path, words: str) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with contextlib.suppress(OSError), (home / "run" / "guard.log").open("a") as log:
        log.write(f"{stamp} {words}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
