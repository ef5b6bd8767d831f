"""The tools of an installation: uv and pip, as this machine has configured them."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import socks

from btc_watcher.lib.outgoing import proxy_url
from freqtrade_mgmt.installer.child import INSTALL_MARK, pip_says, run_child
from freqtrade_mgmt.installer.growth import Growth
from freqtrade_mgmt.installer.shapes import ToolError, Wanted
from freqtrade_mgmt.installer.stages import ORDER, is_noise, stage_of
from freqtrade_mgmt.pip_settings import (
    PipSettings,
    pip_default_index,
    pip_settings_parse,
    without_credentials,
)

if TYPE_CHECKING:
    from freqtrade_mgmt.installer.shapes import Progress

_DIRECT: dict[str, str | None] = {"NO_PROXY": None, "no_proxy": None}
_PROXY_NAMES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")


def pip_settings() -> PipSettings:
    """Ask this environment's pip which indexes it was told of."""
    python = Path(sys.executable)
    found = pip_settings_parse(pip_says("config", "list", python=python))
    if found.index_url or found.no_index:
        # Another pip would be started for what nobody asks then.
        return found
    usual = pip_default_index(pip_says("install", "--help", python=python))
    return replace(found, default_index=usual)


def proxy_environment(url: str) -> dict[str, str | None]:
    """Return what makes uv and pip go through a proxy, wherever they go.

    Exceptions that the machine makes are taken out: they would go direct in silence.
    """
    names = [*_PROXY_NAMES, *(name.lower() for name in _PROXY_NAMES), "PIP_PROXY"]
    return {**_DIRECT, **dict.fromkeys(names, url)}


@dataclass
class Tools:
    """What one installation works with.

    ``folder`` is for temporary files and goes with the installation, ``lock`` is the
    descriptor that children share, ``total`` the bytes that are expected, ``earlier``
    what a tool said that failed before.
    """

    progress: Progress
    wanted: Wanted
    folder: Path
    lock: int
    pip: PipSettings
    total: int = 0
    growth: Growth | None = None
    stage: str = ""
    earlier: str = ""
    environment: dict[str, str | None] = field(default_factory=dict, repr=False)

    @classmethod
    def made(cls, progress: Progress, wanted: Wanted, folder: Path, lock: int) -> Tools:
        """Find the tools and prepare their environment."""
        tools = cls(progress, wanted, folder, lock, pip_settings())
        environment: dict[str, str | None] = {
            # Bytecode is what an installation is to make, whatever we are told.
            "PYTHONDONTWRITEBYTECODE": None,
            "TMPDIR": str(folder),
            INSTALL_MARK: wanted.mark or None,
        }
        if proxy := tools.proxy:
            environment |= proxy_environment(proxy)
            if proxy.startswith("socks"):
                environment["PYTHONPATH"] = str(_socks_module(folder))
        tools.environment = environment
        # In a file of ours, because an index address may hold a password.
        tools.uv_toml.touch(mode=0o600)
        tools.uv_toml.write_text(tools.pip.uv_toml(), encoding="utf-8")
        return tools

    @cached_property
    def uv(self) -> str | None:
        """The program uv, where there is one."""
        beside = Path(sys.executable).with_name("uv")
        return str(beside) if beside.is_file() else shutil.which("uv")

    @property
    def uv_toml(self) -> Path:
        """The configuration of uv, made of pip's."""
        return self.folder / "uv.toml"

    @property
    def proxy(self) -> str | None:
        """The whole address of the proxy: never to be shown."""
        if self.wanted.proxy is not None:
            return proxy_url(self.wanted.proxy)
        return self.pip.proxy

    # -- Telling ------------------------------------------------------------

    def say(self, code: str, text: str, **data: object) -> None:
        """Tell of a step, in a line and to the one who watches."""
        if text:
            self.progress(text)
        self.wanted.watch.step(code, **data)

    def enter(self, stage: str) -> None:
        """Begin a stage of the filling, unless a later one has begun."""
        places = {name: place for place, name in enumerate(ORDER)}
        if places.get(stage, -1) > places.get(self.stage, -1):
            self.stage = stage
            self.wanted.watch.step(stage)

    def grow(self, path: Path) -> None:
        """Measure from now on what comes onto the disk for ``path``."""
        said = (
            self.run(self.uv_command("cache", "dir"), quiet=True) if self.uv else None
        )
        cache = Path(said[1].strip()) if said and said[0] == 0 else None
        self.growth = Growth([path, self.folder], cache)

    # -- Running ------------------------------------------------------------

    def uv_command(self, *arguments: str) -> list[str]:
        """Return a command of uv."""
        # An empty file would only hide the person's own configuration of uv.
        toml = ["--config-file", str(self.uv_toml)] if self.pip.uv_toml() else []
        return [str(self.uv), "--no-progress", *toml, *arguments]

    def pip_command(self, *arguments: str) -> list[str]:
        """Return a command of pip."""
        base = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        return [*base, *arguments]

    def require(self, command: list[str]) -> str:
        """Run ``command`` and return its last lines; InstallError when it fails."""
        code, output = self.run(command)
        if code != 0:
            raise ToolError(Path(command[0]).name, code, output, self.earlier)
        return output

    def run(self, command: list[str], *, quiet: bool = False) -> tuple[int, str]:
        """Run ``command``, pass its lines on as they come, return code and last lines."""

        def on_line(line: str) -> str | None:
            if is_noise(line):
                return None
            shown = self._shown(line)
            if not quiet:
                if stage := stage_of(line):
                    self.enter(stage)
                self.progress(shown)
            return shown

        changes = {"SSL_CERT_FILE": self.pip.cert} if self.pip.cert else {}
        environment = {**self.environment, **changes}
        return run_child(
            command,
            environment,
            lock=self.lock,
            on_line=on_line,
            on_wait=self._waits if not quiet else self.wanted.watch.check,
        )

    def measure(self, *, at_once: bool = True) -> None:
        """Tell how many bytes have come onto the disk."""
        if self.growth is not None and self.growth.look(at_once=at_once):
            self.wanted.watch.grown(self.growth.size, self.total)

    def _waits(self) -> None:
        self.wanted.watch.check()
        self.measure(at_once=False)

    def _shown(self, line: str) -> str:
        text = without_credentials(line)
        proxy = self.wanted.proxy
        for secret in (proxy.password, quote(proxy.password, safe="")) if proxy else ():
            text = text.replace(secret, "***") if secret else text
        return text


def _socks_module(folder: Path) -> Path:
    """Return a folder with PySocks alone: pip runs inside the empty environment."""
    place = folder / "pysocks"
    place.mkdir()
    shutil.copy(Path(str(socks.__file__)), place)
    return place


def python_in(path: Path) -> Path:
    """Return the interpreter of an environment."""
    return path / "bin" / "python"
