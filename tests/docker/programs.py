"""Programs started by the image's entry point, outside of a container."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from django.conf import settings

from btc_watcher.env import BASE_DIR
from tests.e2e.system import Process, environment

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = (sys.executable, "-m", "btc_watcher.container")
NODE = "container-test"
# What a container is given by file.
SECRETS = ("DATABASE_URL", "REDIS_URL", "BTCW_SECRET_KEY", "BTCW_ENCRYPTION_KEYS")


class Program(Process):
    """A program of the image with files and folders of its own, as in a container."""

    def __init__(self, folder: Path, *words: str, **variables: str) -> None:
        self.folder = folder / "-".join(words[:1])
        self.variables = container_environment(folder, self.folder) | variables
        log = self.folder / "log"
        super().__init__([*ENTRY, *words], self.variables, log)

    def end(self, seconds: float) -> int:
        """Ask it to end and return its exit code; fails when it takes longer."""
        child = self._child
        assert child is not None
        child.terminate()
        return child.wait(seconds)

    def join(self, seconds: float) -> int:
        """Wait for its end and return its exit code."""
        child = self._child
        assert child is not None
        return child.wait(seconds)

    def healthy(self) -> subprocess.CompletedProcess[str]:
        """Ask as Docker does whether it is well."""
        return run("healthy", variables=self.variables)


def run(
    *words: str, variables: dict[str, str], seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        [*ENTRY, *words],
        cwd=BASE_DIR,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def container_environment(shared: Path, own: Path) -> dict[str, str]:
    """Return variables as in a container: secrets by file, a home that is shared."""
    home, temporary, secrets = shared / "home", own / "tmp", own / "secrets"
    for each in (home, temporary, secrets):
        each.mkdir(parents=True, exist_ok=True)
    variables = environment(
        home,
        settings.REDIS_URL,
        BTCW_NODE=NODE,
        TMPDIR=str(temporary),
        DJANGO_SETTINGS_MODULE="tests.monitoring.quick_settings",
        BTCW_LOG_LEVEL="INFO",
    )
    for name in SECRETS:
        path = secrets / name.lower()
        path.write_text(f"{variables.pop(name)}\n", encoding="utf-8")
        variables[f"{name}_FILE"] = str(path)
    return variables
