"""From nothing to the process of a runner: its folder, its program, its user, its limits."""

from __future__ import annotations

import resource
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.conf import settings

import freqtrade_mgmt
from freqtrade_mgmt.bot_files import file_write, folder_take
from freqtrade_mgmt.here import NotHereError, unwritable
from freqtrade_mgmt.supervisor.limits import limits_of
from freqtrade_mgmt.supervisor.processes import RUN_MARK, BotProcess
from freqtrade_mgmt.supervisor.unprivileged import give

if TYPE_CHECKING:
    from freqtrade_mgmt.supervisor.unprivileged import Identity

# Run by freqtrade's interpreter, whose user may not read where we lie: it gets a copy.
PROGRAM: Final = Path(freqtrade_mgmt.__file__).parent / "runner"
MAIN: Final = "main.py"
# A port, a listener and some connections for each strategy.
RUNNER_LIMITS: Final = {resource.RLIMIT_NOFILE: 4_096}


@dataclass(frozen=True, slots=True)
class RunnerPaths:
    """Where the parts of a runner lie. ``console`` is for what it prints, ours to open."""

    folder: Path
    program: Path
    log: Path
    console: Path

    @classmethod
    def of(cls, name: str) -> RunnerPaths:
        """Name the parts; touches no file."""
        folder = (settings.BTCW_HOME / "runners" / name).absolute()
        return cls(
            folder=folder,
            program=folder / "program",
            log=folder / "logs" / "runner.log",
            console=folder / "logs" / "console.log",
        )


def run_new() -> str:
    """Return the mark of one start, by which its process can be found."""
    return uuid.uuid4().hex


def runner_folder_write(name: str, user: Identity | None) -> None:
    """Write a runner's folder, with the program, and hand it to its user.

    What it logged before stays. Raises NotHereError where that cannot be written.
    """
    paths = RunnerPaths.of(name)
    try:
        _passage(paths.folder.parent)
        for part in (paths.folder, paths.log.parent, paths.program):
            folder_take(part)
        _program_write(paths.program)
    except OSError as error:
        raise unwritable(paths.folder, error) from error
    give(paths.folder, user)


def runner_process_start(
    name: str, python: Path, run: str, user: Identity | None
) -> BotProcess:
    """Start the process of a runner whose folder is written; raises OSError."""
    paths = RunnerPaths.of(name)
    memory = settings.RUNNER_MEMORY_MB
    command = [str(python), "-I", str(paths.program / MAIN)]
    return BotProcess.start(
        [*command, "--folder", str(paths.folder), "--name", name],
        folder=paths.folder,
        environment={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(paths.folder),
            "LANG": "C.UTF-8",
            RUN_MARK: run,
        },
        console=paths.console,
        run_as=user,
        limits={**limits_of(memory, own_user=user is not None), **RUNNER_LIMITS},
    )


def _program_write(place: Path) -> None:
    files = sorted(PROGRAM.rglob("*.py"))
    if not any(file.name == MAIN for file in files):
        raise NotHereError(
            f"The program of shared processes is missing: there is no {PROGRAM / MAIN}."
            " Install BTC Watcher again, or set BTCW_RUNNERS=0."
        )
    # It was its user's: nothing of an earlier program may be left between ours.
    shutil.rmtree(place)
    folder_take(place)
    for file in files:
        target = place / file.relative_to(PROGRAM)
        if target.parent != place:
            folder_take(target.parent)
        file_write(target, file.read_text(encoding="utf-8"))


def _passage(folder: Path) -> None:
    """Make the folder of all runners: users pass through to their own, and see no names."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
