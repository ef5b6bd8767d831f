"""Starts the throwaway PostgreSQL and Valkey that the tests run on.

Loaded with ``-p tests.servers`` so that the servers exist before Django reads its
settings. ``BTCW_TEST_DATABASE_URL`` and ``BTCW_TEST_REDIS_URL`` (or DATABASE_URL and
REDIS_URL) name servers of your own instead, such as PostgreSQL 15. Workers of
pytest-xdist inherit the addresses; each takes a Redis database number of its own.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from btc_watcher.local.embedded import EmbeddedServer

ENV = os.environ  # noqa: TID251 - the plugin sets what btc_watcher/env.py reads
# Before anything imports btc_watcher, whose Celery application names the product's
# settings when nothing is named yet, and pytest-django obeys the environment first.
ENV.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
# Hundreds of processes are started, and each would compile the whole system again: that
# is half of what most of them do.
ENV.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
PREFIX = "btcw-tests-"
# A Redis of your own has 16 databases unless it says otherwise.
REDIS_DATABASES = 16


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config,
) -> Generator[None, object, object]:
    """Start the servers before any other plugin looks at Django's settings."""
    worker = ENV.get("PYTEST_XDIST_WORKER")
    if worker is None:
        prepare_run(early_config)
    else:
        ENV["REDIS_URL"] = redis_url_of_worker(ENV["REDIS_URL"], worker)
    return (yield)


def prepare_run(config: pytest.Config) -> None:
    """Make a folder, secrets and servers for this run, and promise to remove them."""
    remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    # PostgreSQL runs as another user when we are root, and must pass through.
    folder.chmod(0o711)
    running: list[EmbeddedServer] = []

    def clean_up() -> None:
        while running:
            running.pop().stop()
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(clean_up)
    atexit.register(clean_up)
    home = folder / "home"
    # The server of static files warns when there is no such folder.
    (home / "static").mkdir(parents=True)
    # What make frontend fetched for everyone else is good for the tests too.
    fetched = Path(ENV.get("BTCW_HOME") or Path(__file__).parents[1] / "var") / "vendor"
    (home / "vendor").symlink_to(fetched)
    ENV["BTCW_HOME"] = str(home)
    ENV["BTCW_ENV"] = "test"
    ENV["BTCW_SECRET_KEY"] = secrets.token_urlsafe(50)
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    ENV["BTCW_ENCRYPTION_KEYS"] = f"k1:{key}"
    start_servers(folder, running)


def start_servers(folder: Path, running: list[EmbeddedServer]) -> None:
    """Set DATABASE_URL and REDIS_URL; servers started for them are added to ``running``.

    Both are started from this thread, which lives as long as the run: the kernel ends
    them with it, even after ``kill -9``.
    """
    # Imported late: coverage starts after this plugin, and counts what it sees.
    from btc_watcher.local import ports  # noqa: PLC0415
    from btc_watcher.local.servers import EmbeddedPostgres, EmbeddedValkey  # noqa: PLC0415

    kinds: dict[str, type[EmbeddedServer]] = {
        "REDIS_URL": EmbeddedValkey,
        "DATABASE_URL": EmbeddedPostgres,
    }
    wanted: dict[str, EmbeddedServer] = {}
    for name, kind in kinds.items():
        if given := ENV.get(f"BTCW_TEST_{name}") or ENV.get(name):
            ENV[name] = given
            continue
        log = folder / f"{kind.key}.log"
        server = kind(folder / kind.key, log, port=ports.any_free(), throwaway=True)
        running.append(server)
        wanted[name] = server
        server.launch()
    for name, server in wanted.items():
        server.wait_ready()
        ENV[name] = server.url


def redis_url_of_worker(url: str, worker: str) -> str:
    """Return ``url`` with the database number of xdist's ``worker`` ("gw0" takes 1)."""
    number = 1 + int(worker.removeprefix("gw") or 0) % (REDIS_DATABASES - 1)
    return urlunsplit(urlsplit(url)._replace(path=f"/{number}"))


def remove_abandoned() -> None:
    """Remove folders of runs that were killed, told by the pid in their name."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if pid.isdigit() and not psutil.pid_exists(int(pid)):
                shutil.rmtree(folder)
