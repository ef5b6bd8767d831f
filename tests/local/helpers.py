"""What several tests of the local system need."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from btc_watcher.env import BASE_DIR
from btc_watcher.local import ports
from btc_watcher.local.servers import EmbeddedPostgres, EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_SECONDS = 30.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll ``condition`` until it holds; AssertionError naming ``what`` otherwise."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"after {PATIENCE_SECONDS:g} s: not {what}"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Tell whether ``pid`` has ended (a zombie that nobody reaped counts as ended)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can pass, unlike pytest's own for root."""
    with tempfile.TemporaryDirectory(prefix="btcw-local-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def postgres(
    folder: Path, port: int | None = None, *, throwaway: bool = True
) -> EmbeddedPostgres:
    """Return a PostgreSQL in ``folder`` that prefers ``port`` or any free one.

    A throwaway one starts quickly and may lose commits when it is killed.
    """
    preferred = port or ports.any_free()
    log = folder / "postgres.log"
    return EmbeddedPostgres(folder / "postgres", log, preferred, throwaway=throwaway)


def valkey(folder: Path, port: int | None = None) -> EmbeddedValkey:
    """Return a Valkey in ``folder`` that keeps its data and prefers ``port``."""
    return EmbeddedValkey(
        folder / "valkey", folder / "valkey.log", port or ports.any_free()
    )


@contextlib.contextmanager
def running_script(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python text as another process of ours; it is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        cwd=BASE_DIR,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def next_line(process: subprocess.Popen[str]) -> str:
    """Return the next line that ``process`` prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
