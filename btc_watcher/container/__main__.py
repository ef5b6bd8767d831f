"""``python -m btc_watcher.container PROGRAM``: the entry point of the image."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Final

from django.core.exceptions import ImproperlyConfigured

from btc_watcher import programs
from btc_watcher.container import note
from btc_watcher.container.checking import healthy
from btc_watcher.container.names import worker_name
from btc_watcher.container.options import application, web_place
from btc_watcher.container.saying import ContainerError, say
from btc_watcher.container.upgrading import migrate
from btc_watcher.container.waiting import wait_for_schema, wait_for_servers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# As shells call a wrong use.
WRONG_USE: Final = 2
HELP: Final = {"help", "--help", "-h"}


def web(words: Sequence[str]) -> int:
    """Serve pages, API and WebSockets. --host and --port; all addresses, BTCW_PORT."""
    place = web_place(words)
    _ready()
    return _become(programs.web_command(*place), note.Note("web", port=place.port))


def worker(words: Sequence[str]) -> int:
    """Work on every queue."""
    return _worker(programs.WORKER, programs.worker_command, words)


def worker_urgent(words: Sequence[str]) -> int:
    """Work on what is urgent alone."""
    return _worker(programs.URGENT, programs.urgent_command, words)


def beat(words: Sequence[str]) -> int:
    """Send tasks by the clock. Run one of them."""
    _no(words)
    _ready()
    return _become(programs.beat_command(), note.Note("beat", "beat"))


def supervisor(words: Sequence[str]) -> int:
    """Run the bots and collect their signals. Run one on a BTCW_HOME."""
    _no(words)
    _ready()
    seen = note.Note("supervisor", "supervisor")
    return _become(programs.supervisor_command(), seen)


def migrate_once(words: Sequence[str]) -> int:
    """Bring the database up to date and end. --application-password FILE: its role too.

    Several at once take turns.
    """
    role = application(words)
    wait_for_servers(redis=False)
    return migrate(role)


def doctor(words: Sequence[str]) -> int:
    """Check the whole system (manage.py doctor)."""
    return _become(programs.manage("doctor", *words))


def manage(words: Sequence[str]) -> int:
    """Run a command of manage.py, such as manage createsuperuser."""
    return _become(programs.manage(*words))


def is_healthy(words: Sequence[str]) -> int:
    """Tell by the exit code whether the program of this container is well."""
    _no(words)
    return healthy(note.read())


def hold(words: Sequence[str]) -> int:
    """Do nothing until the end: owns the network that containers of one node share."""
    _no(words)
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    say("The network of this node is held.")
    signal.sigwait(stops)
    return 0


PROGRAMS: Final[dict[str, Callable[[Sequence[str]], int]]] = {
    "web": web,
    "worker": worker,
    "worker-urgent": worker_urgent,
    "beat": beat,
    "supervisor": supervisor,
    "migrate": migrate_once,
    "doctor": doctor,
    "manage": manage,
    "healthy": is_healthy,
    "hold": hold,
}


def main(words: Sequence[str]) -> int:
    """Run the named program; what is wrong is said in a sentence, with exit code 1."""
    name, *rest = words or ("",)
    if name in HELP:
        say(f"There are these programs:\n{overview()}")
        return 0
    program = PROGRAMS.get(name)
    if program is None:
        wrong = f"There is no program {name!r}." if name else "Name a program."
        say(f"{wrong} There are:\n{overview()}")
        return WRONG_USE
    try:
        return program(rest)
    except (ContainerError, ImproperlyConfigured) as error:
        say(f"{name} cannot run: {error}")
        return 1


def overview() -> str:
    """Return the list of programs, a line each."""
    lines = []
    for name, program in PROGRAMS.items():
        what = (program.__doc__ or "").partition("\n")[0]
        lines.append(f"  {name:<14} {what}")
    return "\n".join(lines)


def _worker(
    name: str, command: Callable[[str], tuple[str, ...]], words: Sequence[str]
) -> int:
    _no(words)
    _ready()
    own = worker_name(name)
    return _become(command(own), note.Note("worker", own))


def _ready() -> None:
    wait_for_servers()
    wait_for_schema()


def _no(words: Sequence[str]) -> None:
    if words:
        raise ContainerError(f"it takes no further words, but got {' '.join(words)}.")


def _become(command: tuple[str, ...], seen: note.Note | None = None) -> int:
    """Turn into the program, which then gets every signal itself."""
    if seen is not None:
        note.write(seen)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)  # noqa: S606 - a list of our own making, no shell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
