"""``python -m tests.soak``: a folder, an environment and a process of its own, then none.

The settings of this machine (a .env, DATABASE_URL, a running ``make up``) do not count.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from btc_watcher.env import BASE_DIR
from btc_watcher.lib.process_list import processes_now
from btc_watcher.local import ports
from btc_watcher.local.environment import MARKER
from btc_watcher.local.service_user import setpriv
from tests.soak.options import parser, seed_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psutil

BACKFILL = 999
PORTS = ("BTCW_SIMULATOR_PORT", "BTCW_DEMO_SMTP_PORT")
OURS = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")


def main(words: Sequence[str] | None = None) -> int:
    """Run the soak in a process of its own; return its exit code, 1 for what is left."""
    asked = parser().parse_args(words)
    seed = seed_of(asked.seed)
    sys.stderr.write(f"Seed {seed}; the same faults come again with --seed {seed}.\n")
    folder = Path(tempfile.mkdtemp(prefix="btcw-soak-", dir="/var/tmp"))
    # The users that PostgreSQL and the bots run as pass through.
    folder.chmod(0o711)
    home = folder / "home"
    own_ports(home)
    command = [
        *(setpriv(), "--pdeathsig=TERM", sys.executable, "-m", "tests.soak.run"),
        *("--minutes", str(asked.minutes), "--seed", str(seed)),
        *("--browsers", str(asked.browsers)),
        *(["--json"] if asked.json else []),
        *(["--calm"] if asked.calm else []),
    ]
    try:
        code = _run(command, environment(home))
        return left_over(home) or code
    finally:
        if asked.keep:
            sys.stderr.write(f"Everything of the run is in {home}.\n")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _run(command: Sequence[str], variables: Mapping[str, str]) -> int:
    with subprocess.Popen(command, cwd=BASE_DIR, env=dict(variables)) as child:
        # Ctrl-C tells both; what tells us alone is passed on. It ends what it started.
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a system that shares nothing with any other."""
    inherited = os.environ.items()  # noqa: TID251 - for a child of ours
    kept = {
        key: value
        for key, value in inherited
        if key not in OURS and not key.startswith("BTCW_")
    }
    return kept | {
        "BTCW_HOME": str(home),
        "BTCW_PORT": str(ports.any_free()),
        "BTCW_ADMIN_PASSWORD": os.urandom(12).hex(),
        "BTCW_FIRST_BACKFILL": str(BACKFILL),
        "BTCW_LANGUAGE": "en",
    }


def own_ports(home: Path) -> None:
    """Have the home use ports that no other system begins with.

    Mails for a port that another system has taken a moment before would be caught there.
    """
    home.mkdir(mode=0o711)
    (home / MARKER).touch()
    chosen = "".join(f"{name}={ports.any_free()}\n" for name in PORTS)
    (home / "local.env").write_text(chosen, encoding="ascii")


def left_over(home: Path) -> int:
    """Tell of processes that still run in the home, and end them; 1 when there were."""
    left = [process for process in processes_now() if belongs(process, home)]
    for process in left:
        with contextlib.suppress(Exception):
            words = " ".join(process.cmdline())
            sys.stderr.write(f"Left running: {process.pid} {words}\n")
            process.kill()
    return 1 if left else 0


def belongs(process: psutil.Process, home: Path) -> bool:
    """Tell whether a process runs in the home, or has it on its command line."""
    with contextlib.suppress(Exception):
        words = [*process.cmdline(), process.cwd()]
        return any(str(home) in word for word in words)
    return False


if __name__ == "__main__":
    sys.exit(main())
