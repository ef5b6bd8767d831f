"""Start a runner: ``python main.py --folder FOLDER --name NAME``, in FOLDER.

Run by the interpreter of a freqtrade environment. Django never imports it.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import socket
import sys
import types
from pathlib import Path

# Where this package lies in the project; here it may lie in any folder.
PARENT, PACKAGE = "freqtrade_mgmt", "freqtrade_mgmt.runner"


def package_here() -> None:
    """Let the files beside this one be imported as they are in the project."""
    here = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        PACKAGE, here / "__init__.py", submodule_search_locations=[str(here)]
    )
    if spec is None or spec.loader is None:
        raise SystemExit(f"The files of the runner are not in {here}.")
    parent, package = types.ModuleType(PARENT), importlib.util.module_from_spec(spec)
    parent.__path__ = []
    sys.modules[PARENT], sys.modules[PACKAGE] = parent, package
    spec.loader.exec_module(package)


def arguments() -> argparse.Namespace:
    """Return what the supervisor has said."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--share-mb", type=float, default=250.0)
    parser.add_argument("--analysis-seconds", type=float, default=10.0)
    return parser.parse_args()


def main() -> int:
    """Fork the maker, before anything is imported that only one of both needs."""
    from freqtrade_mgmt.runner.children import take_orphans  # noqa: PLC0415 - not before

    given = arguments()
    os.umask(0o077)
    # Sockets are named relative to it: whole paths may be too long for them.
    os.chdir(given.folder)
    # More threads for arithmetic would only take the processors from other strategies.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        os.putenv(name, "1")
    ours, makers = socket.socketpair()
    parent = os.getpid()
    take_orphans()
    pid = os.fork()
    if pid == 0:
        ours.close()
        maker(makers, parent, share_mb=given.share_mb)
    makers.close()
    return hub(ours, pid, given)


def maker(connection: socket.socket, parent: int, *, share_mb: float) -> None:
    """Be the maker; never returns."""
    from freqtrade_mgmt.runner.maker import maker_run  # noqa: PLC0415 - in the fork

    maker_run(connection, parent, share_mb=share_mb)


def hub(connection: socket.socket, maker_pid: int, given: argparse.Namespace) -> int:
    """Be the hub, until the end."""
    from freqtrade_mgmt.runner import hub as here  # noqa: PLC0415 - not in the maker
    from freqtrade_mgmt.runner import logs  # noqa: PLC0415 - as above

    Path("logs").mkdir(mode=0o700, exist_ok=True)
    log = logs.OwnLog(Path("logs/runner.log"))
    logs.logging_begin(logs.Routed(log.line))
    settings = here.Settings(given.workers, given.share_mb, given.analysis_seconds)

    async def run() -> int:
        return await here.Hub(given.name, settings, log).run(connection, maker_pid)

    return asyncio.run(run())


if __name__ == "__main__":
    package_here()
    sys.exit(main())
