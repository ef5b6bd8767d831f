"""Real processes of the system on the test's own database."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from django.conf import settings

from monitoring.heartbeats.queues import NEEDED
from tests.e2e.system import Process, environment

if TYPE_CHECKING:
    from pathlib import Path

CELERY = (sys.executable, "-m", "celery", "-A", "btc_watcher")
COMMANDS = {
    "beat": [*CELERY, "beat", "--pidfile=", "-l", "INFO"],
    "worker": [
        *(*CELERY, "worker", "-n", "worker@test", "--pool", "threads", "-c", "2"),
        *("-Q", ",".join(NEEDED), "-l", "INFO"),
        *("--without-gossip", "--without-mingle"),
    ],
    "supervisor": [sys.executable, "manage.py", "run_supervisor"],
}


def process(role: str, folder: Path) -> Process:
    """Return a process of a role, not yet started; its output is in ``folder``."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    variables = environment(
        home,
        settings.REDIS_URL,
        DJANGO_SETTINGS_MODULE="tests.monitoring.quick_settings",
    )
    return Process(COMMANDS[role], variables, folder / f"{role}.log")
