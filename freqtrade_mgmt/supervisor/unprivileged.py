"""The user that bots run as where the supervisor is root.

A strategy is a program that somebody uploaded. As root it could read every secret of
this machine; as a user of its own it can read its folder.
"""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from freqtrade_mgmt.bot_files import folder_give

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

USER_NAME: Final = "btcw-bots"
TRY_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Identity:
    """A user by its numbers."""

    uid: int
    gid: int


@cache
def unprivileged_user(python: Path, home: Path) -> Identity | None:
    """Return who runs bots with this interpreter below ``home``; None: we, whoever we are.

    None where we are not root, and, with a warning, where the user cannot be made, run
    the interpreter or get to its folder.
    """
    if os.geteuid() != 0:
        return None
    found = _lookup() or _make()
    if found is None:
        logger.warning(
            "Bots run as root: the user %s is missing and could not be made."
            " Make it with: useradd --system --no-create-home %s",
            USER_NAME,
            USER_NAME,
        )
        return None
    identity = Identity(found.pw_uid, found.pw_gid)
    if not _passable(home) or not _runs(python, identity):
        logger.warning(
            "Bots run as root: the user %s cannot run %s below %s. Keep both where every"
            " user may pass, not below /root.",
            USER_NAME,
            python,
            home,
        )
        return None
    return identity


def give(folder: Path, identity: Identity | None) -> None:
    """Hand a folder and all in it to the user; links are not followed."""
    if identity is not None:
        folder_give(folder, identity.uid, identity.gid)


def _passable(folder: Path) -> bool:
    """Tell whether every user may pass through a folder and its parents."""
    real = folder.resolve()
    return all(
        place.stat().st_mode & stat.S_IXOTH
        for place in (real, *real.parents)
        if place.exists()
    )


def _lookup() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(USER_NAME)
    except KeyError:
        return None


def _make() -> pwd.struct_passwd | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is not None:
        options = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
        # Two of us may race to make it, so the answer is the look-up.
        subprocess.run(  # noqa: S603 - fixed words
            [useradd, *options, "--user-group", USER_NAME],
            capture_output=True,
            check=False,
        )
    return _lookup()


def _runs(python: Path, identity: Identity) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [str(python), "-I", "-c", "import freqtrade"],
            user=identity.uid,
            group=identity.gid,
            extra_groups=[],
            cwd="/",
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=TRY_SECONDS,
        )
    except OSError:
        return False
    except subprocess.TimeoutExpired:
        # A busy machine: who may not run it is told at once.
        return True
    return done.returncode == 0
