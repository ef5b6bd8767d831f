"""The libraries of the pages, fetched by the real npm from a registry on loopback."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import tarfile
import threading
from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.local import frontend
from btc_watcher.local.frontend import frontend_install, vendor_folder
from btc_watcher.local.state import LocalError
from btc_watcher.settings import STATICFILES_DIRS
from tests.translatable import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCRIPT = "window.tiny = 1;\n"


def package(version: str) -> bytes:
    """Return a package as npm packs it, with a script that must not be run."""
    described = {
        "name": "tiny",
        "version": version,
        "scripts": {"install": "touch ran", "postinstall": "touch ran"},
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        files = {"package.json": json.dumps(described), "dist/tiny.js": SCRIPT}
        for name, text in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()


class Registry:
    """A registry of one package; it counts what is asked for."""

    def __init__(self) -> None:
        self.packed = package("1.0.0")
        digest = hashlib.sha512(self.packed).digest()
        # The hash that the lock file holds.
        self.integrity = f"sha512-{base64.b64encode(digest).decode()}"
        self.asked: list[str] = []
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.asked.append(self.path)
                body = registry.answer(self.path)
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_details: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def answer(self, path: str) -> bytes:
        """Return the description of the package, or the package."""
        if path.endswith(".tgz"):
            return self.packed
        if path.strip("/") != "tiny":
            return b""
        version = {
            "name": "tiny",
            "version": "1.0.0",
            "dist": {
                "tarball": f"{self.url}tiny/-/tiny-1.0.0.tgz",
                "integrity": self.integrity,
            },
        }
        described = {"name": "tiny", "versions": {"1.0.0": version}}
        return json.dumps({**described, "dist-tags": {"latest": "1.0.0"}}).encode()

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry on loopback."""
    opened = Registry()
    yield opened
    opened.close()


@pytest.fixture
def project(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A project that needs the package; the person's npm settings name the registry."""
    folder = tmp_path / "project"
    folder.mkdir()
    write(folder, {"tiny.js": "tiny/dist/tiny.js"}, registry.integrity)
    (tmp_path / "npmrc").write_text(f"registry={registry.url}\nfetch-retries=0\n")
    monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(frontend, "BASE_DIR", folder)
    return folder


def write(folder: Path, vendor: dict[str, str], integrity: str) -> None:
    dependencies = {"tiny": "1.0.0"}
    root: dict[str, Any] = {"name": "stub", "dependencies": dependencies}
    (folder / "package.json").write_text(json.dumps({**root, "vendor": vendor}))
    tiny = {"version": "1.0.0", "integrity": integrity, "hasInstallScript": True}
    lock = {
        "name": "stub",
        "lockfileVersion": 3,
        "requires": True,
        "packages": {"": root, "node_modules/tiny": tiny},
    }
    (folder / "package-lock.json").write_text(json.dumps(lock))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A BTCW_HOME."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.mark.usefixtures("project")
def test_files_are_fetched_from_the_persons_own_registry_and_only_once(
    home: Path, registry: Registry
) -> None:
    said: list[str] = []

    assert frontend_install(home, said.append)
    asked = len(registry.asked)
    assert not frontend_install(home, said.append)

    assert (vendor_folder(home) / "tiny.js").read_text() == SCRIPT
    assert any("tiny-1.0.0.tgz" in line for line in said)
    assert len(registry.asked) == asked > 0
    assert not list(home.rglob("ran"))


def test_a_new_list_of_files_is_installed_and_the_old_one_goes(
    home: Path, project: Path, registry: Registry
) -> None:
    frontend_install(home, print)
    write(project, {"other.js": "tiny/dist/tiny.js"}, registry.integrity)

    assert frontend_install(home, print)

    names = {path.name for path in vendor_folder(home).iterdir()}
    assert names == {"other.js", ".installed"}


@pytest.mark.usefixtures("project")
def test_a_package_with_another_hash_is_refused(home: Path, registry: Registry) -> None:
    registry.packed = package("6.6.6")
    with pytest.raises(LocalError, match="EINTEGRITY"):
        frontend_install(home, print)
    assert not vendor_folder(home).exists()


@pytest.mark.usefixtures("project")
def test_a_registry_that_cannot_be_reached_is_told_with_its_cure(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "npmrc").write_text("fetch-retries=0\n")
    monkeypatch.setenv("npm_config_registry", "http://me:pass-word@127.0.0.1:1/")
    with pytest.raises(LocalError, match="npm_config_registry") as caught:
        frontend_install(home, print)
    assert "ECONNREFUSED" in str(caught.value)
    assert "pass-word" not in str(caught.value)


def test_a_file_that_the_package_does_not_have_is_named(
    home: Path, project: Path, registry: Registry
) -> None:
    write(project, {"a.js": "tiny/dist/lost.js"}, registry.integrity)
    with pytest.raises(LocalError, match=r"tiny/dist/lost\.js"):
        frontend_install(home, print)


def test_the_lock_file_has_hashes_and_no_addresses() -> None:
    text = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(text)["packages"]
    libraries = {name: found for name, found in packages.items() if name}
    assert all(found["integrity"] for found in libraries.values())
    assert "://" not in text
    pinned = json.loads((ROOT / "package.json").read_text("utf-8"))["dependencies"]
    assert packages[""]["dependencies"] == pinned
    assert all(version[0].isdigit() for version in pinned.values())


def test_django_serves_what_was_fetched() -> None:
    assert any(
        place[0] == "vendor" for place in STATICFILES_DIRS if isinstance(place, tuple)
    ), "Run make frontend first: the tests of pages need it."
