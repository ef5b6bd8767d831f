"""Run the benchmarks on fresh servers that keep their promises (fsync on)."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from btc_watcher.env import BASE_DIR, HOME
from btc_watcher.local import ports
from btc_watcher.local.environment import LocalEnvironment
from btc_watcher.local.servers import EmbeddedPostgres, EmbeddedValkey
from tests.benchmarks.machine import machine_report

FIGURES = (
    "burst",
    "candle_close",
    "growth",
    "latency",
    "notifications",
    "health",
    "memory",
    "chart",
    "backup",
    "rotation",
    "signals_list",
    "claims",
    "fanout",
    "hundred",
)


def main() -> int:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("figures", nargs="*", choices=[*FIGURES, []], default=[])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--rows", type=int, help="signals that signals_list holds")
    options = parser.parse_args()
    extra = ["--quick"] * options.quick
    extra += ["--rows", str(options.rows)] if options.rows else []
    wanted = options.figures or list(FIGURES)
    with tempfile.TemporaryDirectory(prefix="btcw-bench-") as name:
        folder = Path(name)
        # PostgreSQL runs as another user when we are root, and must pass through.
        folder.chmod(0o711)
        machine_report()
        results = [_measure(figure, folder, extra) for figure in wanted]
    return max(results)


def _measure(figure: str, folder: Path, options: list[str]) -> int:
    command = [sys.executable, "-m", "tests.benchmarks.run", figure, *options]
    if figure == "memory":
        # It starts a whole system with servers of its own.
        command[2:4] = ["tests.benchmarks.memory"]
        home = folder / "memory-home"
        environment = dict(os.environ) | {"BTCW_HOME": str(home)}  # noqa: TID251 - for a child
        return subprocess.run(
            command, cwd=BASE_DIR, env=environment, check=False
        ).returncode
    local = LocalEnvironment(folder / f"{figure}-home")
    local.prepare_home()
    # What make frontend fetched into the usual home.
    (local.home / "vendor").symlink_to(HOME / "vendor")
    postgres = EmbeddedPostgres(
        folder / f"{figure}-postgres", folder / "postgres.log", ports.any_free()
    )
    valkey = EmbeddedValkey(
        folder / f"{figure}-valkey", folder / "valkey.log", ports.any_free()
    )
    servers = (valkey, postgres)
    try:
        for server in servers:
            server.launch()
        for server in servers:
            server.wait_ready()
        urls = {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url}
        variables = local.for_children() | urls | {"BTCW_LOG_LEVEL": "ERROR"}
        return subprocess.run(
            command, cwd=BASE_DIR, env=variables, check=False
        ).returncode
    finally:
        for server in servers:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
