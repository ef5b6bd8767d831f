"""PostgreSQL refuses to run as root: the unprivileged user it runs as instead.

Everything here does nothing for an ordinary user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from functools import cache
from typing import TYPE_CHECKING

from btc_watcher.local.state import LocalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

USER_NAME = "btcw-postgres"
MAKE_USER = "useradd"


def setpriv() -> str:
    """Return the path of setpriv, which starts every child and drops root's rights."""
    found = shutil.which("setpriv", path="/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin")
    if found is None:
        raise LocalError("setpriv was not found. Install the package util-linux.")
    return found


@cache
def service_user() -> pwd.struct_passwd | None:
    """Return the user for PostgreSQL when we are root, None when we are not.

    Makes ``btcw-postgres`` when it is missing, and falls back to ``nobody`` where no
    user can be made (read-only /etc, no useradd).
    """
    if os.geteuid() != 0:
        return None
    found = _lookup(USER_NAME)
    if found is None and (
        useradd := shutil.which(MAKE_USER, path="/usr/sbin:/sbin:/usr/bin:/bin")
    ):
        options = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
        # Two runs may race to make it, so the answer is the look-up, not the exit code.
        subprocess.run(  # noqa: S603 - fixed words
            [useradd, *options, "--user-group", USER_NAME],
            capture_output=True,
            check=False,
        )
        found = _lookup(USER_NAME)
    found = found or _lookup("nobody")
    if found is None:
        raise LocalError(
            "PostgreSQL refuses to run as root, and neither could the user "
            f"{USER_NAME} be made nor is there a user nobody. Run as an ordinary "
            "user, or set DATABASE_URL to a PostgreSQL of your own."
        )
    return found


def _lookup(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def as_service_user() -> list[str]:
    """Return the setpriv options that drop root, or none for an ordinary user."""
    user = service_user()
    if user is None:
        return []
    return [
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        "--inh-caps=-all",
        "--no-new-privs",
    ]


def give_to_service_user(path: Path) -> None:
    """Hand the file or folder ``path`` (not its content) to the service user."""
    if (user := service_user()) is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def make_reachable(folder: Path) -> list[Path]:
    """Let the service user pass through the parents of ``folder``; return those changed.

    A checkout may lie below a folder such as /root (mode 0700) that the user cannot
    pass. The data must stay in ``BTCW_HOME``, so a copy elsewhere is no way out; the
    smallest change that works is the search bit alone (o+x) on exactly the parents
    that lack it: names below can be opened when known, nothing can be listed.
    """
    if service_user() is None:
        return []
    changed = []
    for parent in reversed(folder.resolve().parents):
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)
            changed.append(parent)
    return changed


def runnable_root(
    root: Path, parts: Sequence[str], program: str, copy_to: Path
) -> Path:
    """Return ``root`` when the service user can run ``root/program``, else a copy.

    ``parts`` are the folders below ``root`` that the program needs; absent ones are left
    out. They are read-only, so here a copy under ``copy_to`` is less invasive than
    opening folders of an environment that may belong to somebody else.
    """
    user = service_user()
    if user is None or _runs(root / program):
        return root
    if not _runs(copy_to / program):
        shutil.rmtree(copy_to, ignore_errors=True)
        for part in parts:
            if (root / part).is_dir():
                leave_out = shutil.ignore_patterns("include", "*.a")
                shutil.copytree(root / part, copy_to / part, ignore=leave_out)
        for path in [copy_to, *copy_to.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    if not _runs(copy_to / program):
        raise LocalError(
            f"The user {user.pw_name} cannot run {copy_to / program}. Check that its file "
            "system is not mounted noexec, or set DATABASE_URL to a PostgreSQL of your own."
        )
    return copy_to


def _runs(program: Path) -> bool:
    # setpriv keeps root's rights until its exec is done, so a program between the two
    # is needed for the user's own rights to decide.
    command = [setpriv(), *as_service_user(), "/usr/bin/env", str(program), "--version"]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, capture_output=True, check=False, timeout=30, cwd="/"
        )
    except OSError:
        return False
    return done.returncode == 0
