"""A tiny package index with a freqtrade that only tells its version."""

from __future__ import annotations

import base64
import io
import json
import os
import tarfile
import threading
import zipfile
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

USER, PASSWORD = "reader", "index-secret"
PUBLISHED = "2026-09-30T08:00:00.000000Z"
# Answers --version, and as a bot the few questions that its proof asks.
_MAIN = """
import base64, json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

if "--version" in sys.argv:
    print("Freqtrade Version: tiny")
    sys.exit({code})
if {bot_dies}:
    print("now - freqtrade - ERROR - this release is broken")
    sys.exit(1)
config = json.load(open(sys.argv[sys.argv.index("--config") + 1]))
server = config["api_server"]
login = "{{username}}:{{password}}".format(**server).encode()
ANSWERS = {{
    "show_config": {{"bot_name": config["bot_name"], "state": "running"}},
    "pair_candles": {{
        "columns": ["date", "open", "high", "low", "close", "volume", "__date_ts"],
        "data": [["2026-11-22T18:07:00Z", 1, 1, 1, 1, 1, 1795370820000]],
        "last_analyzed_ts": 1795370880,
    }},
}}


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = "Basic " + base64.b64encode(login).decode()
        known = self.headers["Authorization"] == wanted
        name = self.path.partition("?")[0].rpartition("/")[2]
        body = json.dumps(ANSWERS.get(name, {{}})).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


address = server["listen_ip_address"], server["listen_port"]
ThreadingHTTPServer(address, Api).serve_forever()
"""
# Imported by the trial of a strategy, which it ends with the report of a good one.
_RESOLVERS = """
import json, os, sys

facts = {{"class_name": "Tiny", "candles": 500, "interface_version": 3,
         "marks": {{"enter_long": 7}}, "columns": []}}
said = {{"stage": "done", "facts": facts, "warnings": []}}
if {refuses!r}:
    said = {{"stage": "refused", "problem": {{"kind": "OperationalException",
            "text": {refuses!r}, "line": None}}}}
os.write(int(sys.argv[3]), (json.dumps(said) + "\\n").encode())
os._exit(0)
"""


@dataclass(frozen=True)
class Tiny:
    """How a tiny freqtrade behaves.

    ``exit_code`` is that of ``--version``; ``refuses`` is what it says of every
    strategy, nothing when it loads them; ``bot_dies`` ends every bot at its start;
    ``ballast`` are bytes that it brings along.
    """

    exit_code: int = 0
    refuses: str = ""
    bot_dies: bool = False
    ballast: int = 0


def wheel_write(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str] | None = None,
    *,
    says: str | None = None,
) -> Path:
    """Write a wheel; ``says`` is the version in its record when that differs."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    content = {
        **(files or {f"{name}.py": ""}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\n"
        f"Version: {says or version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{entry},,\n" for entry in [*content, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for entry, text in {**content, f"{info}/RECORD": record}.items():
            archive.writestr(entry, text)
    return path


def tiny_freqtrade(
    folder: Path, version: str, how: Tiny | None = None, *, exit_code: int = 0
) -> None:
    """Write a wheel of freqtrade that behaves like ``how``."""
    how = how or Tiny(exit_code=exit_code)
    files = {
        "freqtrade/__init__.py": "",
        "freqtrade/__main__.py": _MAIN.format(
            code=how.exit_code, bot_dies=how.bot_dies
        ),
        "freqtrade/resolvers.py": _RESOLVERS.format(refuses=how.refuses),
    }
    if how.ballast:
        # What cannot be packed, so that it takes its size everywhere.
        noise = base64.b64encode(os.urandom(how.ballast * 3 // 4)).decode()
        files["freqtrade/ballast.txt"] = noise
    wheel_write(folder, "freqtrade", version, files)


def broken_sdist(folder: Path, name: str) -> None:
    """Write sources of a package that cannot be built."""
    build = 'import sys\nsys.exit("this package cannot be built here")\n'
    with tarfile.open(folder / f"{name}-1.0.tar.gz", "w:gz") as archive:
        for entry, text in {
            "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
            "pyproject.toml": "[build-system]\nrequires = []\n"
            'build-backend = "build_me"\nbackend-path = ["."]\n'
            f'[project]\nname = "{name}"\nversion = "1.0"\n',
            "build_me.py": build,
        }.items():
            about = tarfile.TarInfo(f"{name}-1.0/{entry}")
            about.size = len(text.encode())
            archive.addfile(about, io.BytesIO(text.encode()))


def companions(folder: Path) -> None:
    """Write the two packages that are always installed beside freqtrade."""
    wheel_write(folder, "pysocks", "1.0")
    wheel_write(folder, "aiohttp_socks", "1.0")


class _Handler(BaseHTTPRequestHandler):
    """Answers as a package index; every request needs the password."""

    server: _Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.way.wait()
        if self.server.fault:
            status, body = self.server.fault
            self._answer(status, body, "application/vnd.pypi.simple.v1+json")
            return
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            self._answer(401, b"", "text/plain")
        elif self.path.startswith("/files/"):
            wheel = self.server.folder / self.path.rpartition("/")[2]
            self._answer(200, wheel.read_bytes(), "application/octet-stream")
        else:
            self._listing(self.path.strip("/").rpartition("/")[2])

    def do_HEAD(self) -> None:
        self.do_GET()

    def _listing(self, project: str) -> None:
        found = [*self.server.folder.glob("*.whl"), *self.server.folder.glob("*.gz")]
        wheels = {path.name: path for path in found}
        names = [
            name
            for name in wheels
            if name.partition("-")[0].replace("_", "-") == project
        ]
        status = 200 if names else 404
        wants_json = "json" in self.headers.get("Accept", "")
        if wants_json and self.server.with_dates:
            about = self.server.about
            files = [_described(wheels[name]) | about.get(name, {}) for name in names]
            listing = {
                "meta": {"api-version": "1.1"},
                "name": project,
                "versions": [
                    name.removesuffix(".tar.gz").split("-")[1] for name in names
                ],
                "files": files,
            }
            kind = "application/vnd.pypi.simple.v1+json"
            self._answer(status, json.dumps(listing).encode(), kind)
        else:
            links = "".join(f'<a href="/files/{name}">{name}</a>' for name in names)
            page = f"<!DOCTYPE html><html><body>{links}</body></html>"
            self._answer(status, page.encode(), "text/html")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.with_dates = True
        self.fault: tuple[int, bytes] | None = None
        self.about: dict[str, dict[str, object]] = {}
        self.asked: list[str] = []
        # Set: answers are given at once.
        self.way = threading.Event()
        self.way.set()
        super().__init__(("127.0.0.1", 0), _Handler)


def _described(wheel: Path) -> dict[str, object]:
    return {
        "filename": wheel.name,
        "url": f"/files/{wheel.name}",
        "hashes": {},
        "size": wheel.stat().st_size,
        "upload-time": PUBLISHED,
    }


class PackageIndex:
    """A folder of wheels as a package index on loopback that wants a password."""

    def __init__(self, folder: Path) -> None:
        self._server = _Server(folder)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        """The address to configure, with user name and password."""
        return f"http://{USER}:{PASSWORD}@127.0.0.1:{self._server.server_port}/simple"

    def forget_dates(self) -> None:
        """Be an index of the old kind, which does not say when a file was uploaded."""
        self._server.with_dates = False

    def fail(self, status: int, body: bytes = b"") -> None:
        """Answer everything with this from now on."""
        self._server.fault = status, body

    def mend(self) -> None:
        """Answer as an index again."""
        self._server.fault = None

    def hold(self) -> None:
        """Answer nothing until ``release``."""
        self._server.way.clear()

    def release(self) -> None:
        """Answer what waits, and everything from now on."""
        self._server.way.set()

    def describe(self, filename: str, **about: object) -> None:
        """Say more of a file, or something else, with the keys of the JSON."""
        self._server.about[filename] = about

    @property
    def asked(self) -> list[str]:
        """The paths that were asked for."""
        return self._server.asked

    @property
    def address(self) -> str:
        """Where it listens, as host:port."""
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
