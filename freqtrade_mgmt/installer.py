"""Installs a release of freqtrade into an environment of its own.

An environment is made once and never changed. freqtrade itself is never imported.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.interpreter import base_python
from freqtrade_mgmt.pip_settings import (
    PipSettings,
    pip_default_index,
    pip_settings_parse,
    without_credentials,
)
from freqtrade_mgmt.releases import (
    PACKAGE,
    newest_in_pip_output,
    newest_in_uv_output,
    published_before,
    version_checked,
    version_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    Progress = Callable[[str], None]

# What freqtrade needs to go through a SOCKS proxy.
_COMPANIONS = ("pysocks", "aiohttp_socks")
_NEEDED_BYTES = 1_500_000_000
_MARKER = "btc-watcher-installed.json"
_KEPT_LINES = 20
_ENV = "/usr/bin/env"


class InstallError(BtcWatcherError):
    """freqtrade could not be installed; the message ends with the last output."""


@dataclass(frozen=True)
class InstalledFreqtrade:
    """A finished environment. ``seconds`` is how long it took to make it."""

    version: str
    path: Path
    python: Path
    seconds: float


@dataclass(frozen=True)
class _Tools:
    """What an installation works with. ``lock`` is the descriptor that children share."""

    progress: Progress
    uv: str | None
    pip: PipSettings
    uv_toml: Path
    lock: int


def freqtrade_install(
    version: str | None, root: Path, progress: Progress
) -> InstalledFreqtrade:
    """Make ``root/<version>``, or find it already made.

    ``version`` None is the newest stable release, or, when no index can be reached, the
    newest that is installed. ``progress`` gets one line at a time. Raises
    ConfigurationError for a version that is none, InstallError when it does not work;
    what had been made by then is removed.
    """
    if version is not None:
        version_checked(version)
    root = root.absolute()
    root.mkdir(parents=True, exist_ok=True)
    with _lock(root, progress) as lock, tempfile.TemporaryDirectory() as folder:
        tools = _tools(progress, Path(folder), lock)
        wanted = version or _newest(root, tools)
        done = _installed(root / wanted)
        if done is not None:
            progress(f"freqtrade {wanted} is already installed.")
            return done
        _check_space(root)
        return _make(wanted, root / wanted, tools, pinned=version is not None)


def freqtrade_installed(root: Path) -> list[InstalledFreqtrade]:
    """Return the finished environments below ``root``, the newest version first."""
    found = [_installed(path) for path in root.glob("*") if path.is_dir()]
    done = [item for item in found if item is not None]
    return sorted(done, key=lambda item: version_key(item.version), reverse=True)


def _installed(path: Path) -> InstalledFreqtrade | None:
    """Read the marker, which is written last; without it nothing is finished."""
    try:
        marker = json.loads((path / _MARKER).read_text(encoding="utf-8"))
        done = InstalledFreqtrade(
            marker["version"], path, _python(path), marker["seconds"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # The interpreter is a link that breaks when the machine's Python is replaced.
    return done if done.version == path.name and done.python.exists() else None


def _python(path: Path) -> Path:
    return path / "bin" / "python"


@contextlib.contextmanager
def _lock(root: Path, progress: Progress) -> Iterator[int]:
    """Wait until nobody else installs below ``root``."""
    descriptor = os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(
                "Another installation of freqtrade is running; waiting for it to end."
            )
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _tools(progress: Progress, folder: Path, lock: int) -> _Tools:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    settings = replace(
        pip_settings_parse(_pip_says("config", "list")),
        default_index=pip_default_index(_pip_says("install", "--help")),
    )
    # In a file of ours, because an index address may hold a password.
    uv_toml = folder / "uv.toml"
    uv_toml.touch(mode=0o600)
    uv_toml.write_text(settings.uv_toml(), encoding="utf-8")
    return _Tools(progress, uv, settings, uv_toml, lock)


def _pip_says(*arguments: str) -> str:
    """Return what pip prints, or nothing when it fails."""
    said = subprocess.run(  # noqa: S603 - words of our own
        [sys.executable, "-m", "pip", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return said.stdout if said.returncode == 0 else ""


def _newest(root: Path, tools: _Tools) -> str:
    """Return the newest stable release, as uv or else pip sees it for this Python."""
    tools.progress("Looking up the newest release of freqtrade.")
    found: str | None = None
    failure = ""
    if tools.uv is not None:
        target = ["--python", base_python(), "--no-deps", "--dry-run", "--reinstall"]
        code, output = _run(
            _uv(tools, "pip", "install", *target, PACKAGE), tools, quiet=True
        )
        found, failure = newest_in_uv_output(output) if code == 0 else None, output
    if found is None:
        asking = _pip("index", "versions", "--retries", "1", PACKAGE)
        code, output = _run(asking, tools, quiet=True)
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


def _make(
    version: str, path: Path, tools: _Tools, *, pinned: bool
) -> InstalledFreqtrade:
    started = time.monotonic()
    if path.exists():
        tools.progress(f"Removing an installation of {version} that was interrupted.")
        shutil.rmtree(path)
    try:
        before = _cut_off(version, tools) if pinned else None
        _fill(version, path, before, tools)
        tools.progress(f"Checking that freqtrade {version} runs.")
        _verify(version, path, tools)
        done = InstalledFreqtrade(
            version, path, _python(path), round(time.monotonic() - started, 1)
        )
        _mark(done)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    tools.progress(f"freqtrade {version} is installed ({done.seconds} s).")
    return done


def _cut_off(version: str, tools: _Tools) -> datetime | None:
    """Return until when packages fit: later ones have broken older releases."""
    moment = published_before(version, tools.pip)
    if moment is None:
        tools.progress(
            "The package index does not say when this release was published, so it gets"
            " today's dependencies."
        )
    return moment


def _fill(version: str, path: Path, before: datetime | None, tools: _Tools) -> None:
    """Make the environment with uv, or with pip where uv is absent or fails."""
    packages = [f"{PACKAGE}=={version}", *_COMPANIONS]
    if tools.uv is not None:
        until = ["--exclude-newer", before.isoformat()] if before else []
        target = ["--python", str(_python(path)), "--compile-bytecode", *until]
        tools.progress(f"Installing freqtrade {version} with uv.")
        try:
            _require(_uv(tools, "venv", "--python", base_python(), str(path)), tools)
            _require(_uv(tools, "pip", "install", *target, *packages), tools)
        except InstallError:
            tools.progress("uv did not succeed; trying again with pip.")
            shutil.rmtree(path, ignore_errors=True)
        else:
            return
    if before is not None:
        tools.progress(
            "pip installs today's dependencies, which may not fit this release."
        )
    tools.progress(
        f"Installing freqtrade {version} with pip. This takes about a minute."
    )
    _require([base_python(), "-m", "venv", "--without-pip", str(path)], tools)
    target = ["--python", str(_python(path)), "install", "--no-input", "--compile"]
    _require(_pip(*target, *packages), tools)


def _verify(version: str, path: Path, tools: _Tools) -> None:
    """Ask the package's record for its version, then start it."""
    python = str(_python(path))
    ask = f"import importlib.metadata as m; print('version', m.version({PACKAGE!r}))"
    output = _require([python, "-I", "-c", ask], tools)
    if f"version {version}" not in output.splitlines():
        raise InstallError(
            f"freqtrade {version} was asked for, but {output!r} was installed."
        )
    _require([python, "-I", "-m", PACKAGE, "--version"], tools)


def _mark(done: InstalledFreqtrade) -> None:
    content = {key: str(value) for key, value in asdict(done).items()}
    draft = done.path / f".{_MARKER}"
    draft.write_text(json.dumps({**content, "seconds": done.seconds}), encoding="utf-8")
    draft.replace(done.path / _MARKER)


def _uv(tools: _Tools, *arguments: str) -> list[str]:
    # "env" changes single variables, so nobody here has to read the environment.
    changes = [f"SSL_CERT_FILE={tools.pip.cert}"] if tools.pip.cert else []
    # An empty file would only hide the person's own configuration of uv.
    toml = ["--config-file", str(tools.uv_toml)] if tools.pip.uv_toml() else []
    return [_ENV, *changes, str(tools.uv), "--no-progress", *toml, *arguments]


def _pip(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]


def _require(command: list[str], tools: _Tools) -> str:
    """Run ``command`` and return its last lines; InstallError when it fails."""
    code, output = _run(command, tools)
    if code != 0:
        raise InstallError(
            f"{Path(command[0]).name} ended with code {code} while freqtrade was installed."
            f" The last lines were:\n{output}"
        )
    return output


def _run(command: list[str], tools: _Tools, *, quiet: bool = False) -> tuple[int, str]:
    """Run ``command``, pass its lines on as they come, return code and last lines."""
    kept: deque[str] = deque(maxlen=_KEPT_LINES)
    # Children share the lock: what outlives us still keeps others from the folder.
    with subprocess.Popen(  # noqa: S603 - a list of our own making, no shell
        [_ENV, "-u", "PYTHONDONTWRITEBYTECODE", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=(tools.lock,),
    ) as child:
        try:
            for line in child.stdout or ():
                kept.append(without_credentials(line.rstrip()))
                if not quiet:
                    tools.progress(kept[-1])
        except BaseException:
            child.kill()
            raise
    return child.returncode, "\n".join(kept)
