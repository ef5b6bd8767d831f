"""The way of an installation: lock, space, environment, proof, marker."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from freqtrade_mgmt.installer.growth import tree_size
from freqtrade_mgmt.installer.shapes import (
    InstalledFreqtrade,
    InstallError,
    ToolError,
    Wanted,
)
from freqtrade_mgmt.installer.tools import Tools, python_in
from freqtrade_mgmt.interpreter import base_python
from freqtrade_mgmt.release_index import published_before
from freqtrade_mgmt.releases import (
    PACKAGE,
    newest_in_pip_output,
    newest_in_uv_output,
    version_checked,
    version_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from freqtrade_mgmt.installer.shapes import Progress

# What freqtrade needs to go through a SOCKS proxy.
_COMPANIONS = ("pysocks", "aiohttp_socks")
_NEEDED_BYTES = 1_500_000_000
_NEEDED_FILES = 60_000
# Of a release with all that it needs, compiled; where none is installed to compare with.
_USUAL_BYTES = 730_000_000
_MARKER = "btc-watcher-installed.json"
_TEMPORARY = ".tmp-"
_GONE = ".gone-"
_POLL_SECONDS = 0.2
_LOOK_UP_LINE = "Looking up the newest release of freqtrade."


def freqtrade_install(
    version: str | None,
    root: Path,
    progress: Progress,
    *,
    wanted: Wanted | None = None,
) -> InstalledFreqtrade:
    """Make ``root/<version>``, or find it already made.

    ``version`` None is the newest stable release, or, when no index can be reached, the
    newest that is installed. ``progress`` gets one line at a time; ``wanted`` says more
    about the way. Raises ConfigurationError for a version that is none, InstallError
    when it does not work, InstallStoppedError when it was told to end; what had been
    made by then is removed.
    """
    wanted = wanted or Wanted(version)
    if version is not None:
        version_checked(version)
    root = root.absolute()
    with _disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        with (
            installation_lock(root, progress, wanted) as lock,
            _temporary(root) as folder,
        ):
            tools = Tools.made(progress, wanted, folder, lock)
            chosen = version or _newest(root, tools)
            done = _installed(root / chosen)
            if done is not None:
                tools.say(
                    "there_already",
                    f"freqtrade {chosen} is already installed.",
                    version=chosen,
                )
                return done
            _check_space(root)
            cut_off = version is not None and wanted.cut_off
            return _make(chosen, root / chosen, tools, cut_off=cut_off)


def freqtrade_installed(root: Path) -> list[InstalledFreqtrade]:
    """Return the finished environments below ``root``, the newest version first."""
    found = [_installed(path) for path in root.glob("*") if path.is_dir()]
    done = [item for item in found if item is not None]
    return sorted(done, key=lambda item: version_key(item.version), reverse=True)


def freqtrade_remove(version: str, root: Path) -> bool:
    """Remove ``root/<version>``; return whether it was there.

    Raises InstallError while an installation runs.
    """
    root = root.absolute()
    path = root / version_checked(version)
    if not root.is_dir():
        return False
    with installation_lock(root, lambda _line: None, wait=False), _disk_errors(root):
        _leftovers_remove(root)
        if not path.is_dir():
            return False
        # At once, so that nobody finds half of it.
        gone = root / f"{_GONE}{version}"
        path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
        return True


def _installed(path: Path) -> InstalledFreqtrade | None:
    """Read the marker, which is written last; without it nothing is finished."""
    try:
        marker = json.loads((path / _MARKER).read_text(encoding="utf-8"))
        done = InstalledFreqtrade(
            marker["version"],
            path,
            python_in(path),
            marker["seconds"],
            int(marker.get("size") or 0),
            dict(marker.get("facts") or {}),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    # The interpreter is a link that breaks when the machine's Python is replaced.
    return done if done.version == path.name and done.python.exists() else None


@contextlib.contextmanager
def installation_lock(
    root: Path, progress: Progress, wanted: Wanted | None = None, *, wait: bool = True
) -> Iterator[int]:
    """Hold what only one installation below ``root`` may hold."""
    descriptor = os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _locked(descriptor):
            if not wait:
                raise InstallError(
                    "An installation of freqtrade runs. Try again when it has ended."
                )
            progress(
                "Another installation of freqtrade is running; waiting for it to end."
            )
            watch = (wanted or Wanted()).watch
            watch.step("waiting")
            while not _locked(descriptor):
                watch.check()
                time.sleep(_POLL_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _temporary(root: Path) -> Iterator[Path]:
    """Make a folder on the same disk, after removing those that were left behind."""
    _leftovers_remove(root)
    # What uv or pip still writes while it is ended must not be an error of ours.
    with tempfile.TemporaryDirectory(
        prefix=_TEMPORARY, dir=root, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def _leftovers_remove(root: Path) -> None:
    for name in (_TEMPORARY, _GONE):
        for path in root.glob(f"{name}*"):
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _disk_errors(root: Path) -> Iterator[None]:
    """Tell of a full or closed disk in a sentence."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        raise InstallError(
            f"The disk is full at {root}. Free some space and install again."
            if full
            else f"{root} cannot be written ({error.strerror or error}). Give it to the user"
            " that installs, and try again."
        ) from error


def _newest(root: Path, tools: Tools) -> str:
    """Return the newest stable release, as uv or else pip sees it for this Python."""
    tools.progress(_LOOK_UP_LINE)
    found: str | None = None
    failure = ""
    if tools.uv is not None:
        target = ["--python", base_python(), "--no-deps", "--dry-run", "--reinstall"]
        code, output = tools.run(
            tools.uv_command("pip", "install", *target, PACKAGE), quiet=True
        )
        found, failure = newest_in_uv_output(output) if code == 0 else None, output
    if found is None:
        asking = tools.pip_command("index", "versions", "--retries", "1", PACKAGE)
        code, output = tools.run(asking, quiet=True)
        found, failure = newest_in_pip_output(output) if code == 0 else None, output
    if found is not None:
        return version_checked(found)
    installed = freqtrade_installed(root)
    if not installed:
        raise InstallError(
            "The newest release of freqtrade could not be looked up. Check the network and"
            f" pip's index settings (pip config list). The last lines were:\n{failure}"
        )
    tools.progress(
        "The package index could not be asked for newer releases; using freqtrade"
        f" {installed[0].version}, which is installed."
    )
    return installed[0].version


def _check_space(root: Path) -> None:
    free = shutil.disk_usage(root).free
    if free < _NEEDED_BYTES:
        raise InstallError(
            f"Installing freqtrade needs {_NEEDED_BYTES // 1_000_000} MB, but only"
            f" {free // 1_000_000} MB are free at {root}. Free some space and try again."
        )
    about = os.statvfs(root)
    # Some file systems do not count files.
    if about.f_files and about.f_favail < _NEEDED_FILES:
        raise InstallError(
            f"Installing freqtrade makes some {_NEEDED_FILES} files, but the disk at {root}"
            f" has room for {about.f_favail} more (df -i). Remove some files and try again."
        )


def _make(
    version: str, path: Path, tools: Tools, *, cut_off: bool
) -> InstalledFreqtrade:
    started = time.monotonic()
    others = freqtrade_installed(path.parent)
    tools.total = next((item.size for item in others if item.size), _USUAL_BYTES)
    if path.exists():
        line = f"Removing an installation of {version} that was interrupted."
        tools.say("clean", line)
        shutil.rmtree(path)
    try:
        tools.stage = "look_up"
        tools.say("look_up", "", version=version)
        before = _cut_off(version, tools) if cut_off else None
        tools.grow(path)
        _fill(version, path, before, tools)
        tools.measure()
        _verify(version, path, tools)
        prove = tools.wanted.prove
        facts = prove(version, python_in(path)) if prove else {}
        seconds = round(time.monotonic() - started, 1)
        size = tree_size(path)
        done = InstalledFreqtrade(version, path, python_in(path), seconds, size, facts)
        _mark(done)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    tools.progress(f"freqtrade {version} is installed ({done.seconds} s).")
    return done


def _cut_off(version: str, tools: Tools) -> datetime | None:
    """Return until when packages fit: later ones have broken older releases."""
    moment = published_before(version, tools.pip, proxy=tools.proxy)
    if moment is None:
        tools.say(
            "no_dates",
            "The package index does not say when this release was published, so it gets"
            " today's dependencies.",
        )
    return moment


def _fill(version: str, path: Path, before: datetime | None, tools: Tools) -> None:
    """Make the environment with uv, or with pip where uv is absent or fails."""
    packages = [f"{PACKAGE}=={version}", *_COMPANIONS]
    if tools.uv is not None:
        until = ["--exclude-newer", before.isoformat()] if before else []
        target = ["--python", str(python_in(path)), "--compile-bytecode", *until]
        tools.progress(f"Installing freqtrade {version} with uv.")
        try:
            tools.enter("environment")
            tools.require(
                tools.uv_command("venv", "--python", base_python(), str(path))
            )
            tools.require(tools.uv_command("pip", "install", *target, *packages))
        except ToolError as error:
            if error.kind == "disk_full":
                raise
            tools.earlier = error.output
            tools.say("fallback", "uv did not succeed; trying again with pip.")
            shutil.rmtree(path, ignore_errors=True)
            tools.stage = "look_up"
        else:
            return
    if before is not None:
        tools.progress(
            "pip installs today's dependencies, which may not fit this release."
        )
    tools.progress(
        f"Installing freqtrade {version} with pip. This takes about a minute."
    )
    tools.enter("environment")
    tools.require([base_python(), "-m", "venv", "--without-pip", str(path)])
    target = ["--python", str(python_in(path)), "install", "--no-input", "--compile"]
    tools.require(tools.pip_command(*target, *packages))
    tools.earlier = ""


def _verify(version: str, path: Path, tools: Tools) -> None:
    """Ask the package's record for its version, then start it."""
    tools.say("verify", f"Checking that freqtrade {version} runs.", version=version)
    python = str(python_in(path))
    ask = f"import importlib.metadata as m; print('version', m.version({PACKAGE!r}))"
    output = tools.require([python, "-I", "-c", ask])
    if f"version {version}" not in output.splitlines():
        raise InstallError(
            f"freqtrade {version} was asked for, but {output!r} was installed."
        )
    tools.require([python, "-I", "-m", PACKAGE, "--version"])


def _mark(done: InstalledFreqtrade) -> None:
    content = {
        "version": done.version,
        "path": str(done.path),
        "python": str(done.python),
        "seconds": done.seconds,
        "size": done.size,
        "facts": dict(done.facts),
    }
    draft = done.path / f".{_MARKER}"
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(done.path / _MARKER)
