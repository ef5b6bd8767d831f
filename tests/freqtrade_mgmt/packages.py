"""A tiny package index with a freqtrade that only tells its version."""

from __future__ import annotations

import base64
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

USER, PASSWORD = "reader", "index-secret"
PUBLISHED = "2026-09-30T08:00:00.000000Z"
_MAIN = "import sys\nprint('Freqtrade Version: tiny')\nsys.exit({code})\n"


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


def tiny_freqtrade(folder: Path, version: str, *, exit_code: int = 0) -> None:
    """Write a wheel of freqtrade whose ``--version`` ends with ``exit_code``."""
    files = {
        "freqtrade/__init__.py": "",
        "freqtrade/__main__.py": _MAIN.format(code=exit_code),
    }
    wheel_write(folder, "freqtrade", version, files)


def companions(folder: Path) -> None:
    """Write the two packages that are always installed beside freqtrade."""
    wheel_write(folder, "pysocks", "1.0")
    wheel_write(folder, "aiohttp_socks", "1.0")


class _Handler(BaseHTTPRequestHandler):
    """Answers as a package index; every request needs the password."""

    server: _Server

    def do_GET(self) -> None:
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            self._answer(401, b"", "text/plain")
        elif self.path.startswith("/files/"):
            wheel = self.server.folder / self.path.rpartition("/")[2]
            self._answer(200, wheel.read_bytes(), "application/zip")
        else:
            self._listing(self.path.strip("/").rpartition("/")[2])

    def do_HEAD(self) -> None:
        self.do_GET()

    def _listing(self, project: str) -> None:
        wheels = {path.name: path for path in self.server.folder.glob("*.whl")}
        names = [
            name
            for name in wheels
            if name.partition("-")[0].replace("_", "-") == project
        ]
        status = 200 if names else 404
        wants_json = "json" in self.headers.get("Accept", "")
        if wants_json and self.server.with_dates:
            files = [_described(wheels[name]) for name in names]
            listing = {
                "meta": {"api-version": "1.1"},
                "name": project,
                "versions": [name.split("-")[1] for name in names],
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

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
