"""Making the files of a backup: pg_dump and Redis at once, both of one moment."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final, cast

import psycopg
from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.encryption import key_ring
from monitoring.backups.belongings import rights_of, settings_of
from monitoring.backups.cache import snapshot_read
from monitoring.backups.children import Child
from monitoring.backups.files import FileWriter, file_facts
from monitoring.backups.scratch import locale_of
from monitoring.backups.servers import version_of
from monitoring.backups.shapes import (
    DUMP,
    SNAPSHOT,
    BackupError,
    FileFacts,
    Manifest,
    megabytes,
)
from monitoring.backups.snapshot import snapshot
from monitoring.backups.tools import tools_for

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from monitoring.backups.servers import Server
    from monitoring.backups.shapes import Say
    from monitoring.backups.snapshot import Snapshot
    from monitoring.backups.tools import Tools

logger = logging.getLogger(__name__)

PIECE: Final = 1 << 20
# Keys of browsers that are logged in: whoever reads them is logged in too. The rows are
# left out of the dump, and the snapshot of Redis, which has them as well, is sealed.
LEFT_OUT: Final = "django_session"
# Who was given rights on a table, a sequence, a function or a schema of ours, or has
# rights given to others by default: without one of them none can be restored.
ROLES: Final = """
SELECT r.rolname FROM pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole
UNION SELECT r.rolname FROM (
  SELECT relacl AS acl, relowner AS owner, relnamespace AS schema FROM pg_class
  UNION ALL SELECT proacl, proowner, pronamespace FROM pg_proc
  UNION ALL SELECT nspacl, nspowner, oid FROM pg_namespace
) x JOIN pg_namespace n ON n.oid = x.schema, LATERAL aclexplode(x.acl) a
JOIN pg_roles r ON r.oid = a.grantee
WHERE a.grantee <> x.owner AND r.rolname !~ '^pg_'
AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY 1
"""


class DiskError(Exception):
    """What was read from Redis could not be written; its cause is the OSError."""


class RedisSnapshot:
    """The snapshot of Redis, written by a thread of its own while pg_dump works."""

    def __init__(self, part: Path) -> None:
        """Begin; it is sealed always: keys of sessions cannot be left out of it."""
        self.missing = ""
        self.files: dict[str, FileFacts] = {}
        self._error: OSError | None = None
        self._writer = FileWriter(part, SNAPSHOT, sealed=True)
        self._path = part / self._writer.name
        self._thread = threading.Thread(target=self._run, name="backup of Redis")
        self._thread.start()

    def join(self) -> None:
        """Wait for its end; OSError when the disk could not take it."""
        self._thread.join()
        if self._error is not None:
            raise self._error

    def wait(self) -> None:
        """Wait for its end, however it ends."""
        self._thread.join()

    def _run(self) -> None:
        try:
            snapshot_read(self._put)
            self.files[self._writer.name] = self._writer.close()
        except DiskError as error:
            self._error = cast("OSError", error.__cause__)
            self._writer.abandon()
        except OSError as error:
            self._error = error
            self._writer.abandon()
        except BackupError as error:
            self._do_without(error.message)
        except (
            Exception
        ) as error:  # a thread's own end: PostgreSQL is saved all the same
            logger.exception("The snapshot of Redis failed.")
            self._do_without(f"Redis gave no snapshot ({type(error).__name__}).")

    def _put(self, data: bytes) -> None:
        try:
            self._writer.write(data)
        except OSError as error:
            raise DiskError from error

    def _do_without(self, why: str) -> None:
        self.missing = why
        self._writer.abandon()
        self._path.unlink()


def dump(
    server: Server, part: Path, name: str, started: datetime, *, sealed: bool, say: Say
) -> Manifest:
    """Write the files into ``part`` and return their manifest; BackupError, OSError."""
    facts = _facts(server)
    tools = tools_for(facts.pop("major"), server.parameters)
    redis_part = RedisSnapshot(part)
    try:
        with snapshot(server) as moment:
            files = _dump_database(server, tools, moment, part, sealed=sealed, say=say)
            say(_("Counting rows"), "")
            tables = {
                name: 0 if name.endswith(f".{LEFT_OUT}") else rows
                for name, rows in moment.counts().items()
            }
        say(_("Taking a snapshot of Redis"), "")
        redis_part.join()
    except psycopg.Error as error:
        raise BackupError(f"The database failed: {str(error).strip()}") from error
    finally:
        redis_part.wait()
    return Manifest(
        name=name,
        started=started,
        finished=timezone.now(),
        database=server.database,
        tool=f"pg_dump {tools.version}",
        compression=tools.compression[0],
        files=files | redis_part.files,
        tables=dict(sorted(tables.items())),
        redis_missing=redis_part.missing,
        key=key_ring().primary if sealed else "",
        **facts,
    )


def _dump_database(
    server: Server,
    tools: Tools,
    moment: Snapshot,
    part: Path,
    *,
    sealed: bool,
    say: Say,
) -> dict[str, FileFacts]:
    title = _("Dumping the database")
    command = [
        tools.dump,
        "--format=custom",
        f"--compress={tools.compression[1]}",
        f"--snapshot={moment.id}",
        "--lock-wait-timeout=60s",
        f"--exclude-table-data=*.{LEFT_OUT}",
        "--no-password",
        "--verbose",
    ]
    counter = TableCounter(len(moment.tables))
    if sealed:
        return _dump_sealed(command, server, part, counter, say)
    # Into a file pg_dump also writes where each table lies, by which several sessions
    # restore faster than from what went through a pipe.
    path = part / DUMP
    path.touch(0o600, exist_ok=False)

    def on_line(line: str) -> None:
        counter(line)
        say(title, f"{counter}, {megabytes(path.stat().st_size)}")

    command.append(f"--file={path}")
    with Child(command, server.environment(), on_line=on_line) as child:
        child.output.read()
        child.succeed()
    return {DUMP: file_facts(path)}


def _dump_sealed(
    command: list[str], server: Server, part: Path, counter: TableCounter, say: Say
) -> dict[str, FileFacts]:
    """Seal the dump on its way, so that it never lies on the disk in the open."""
    writer = FileWriter(part, DUMP, sealed=True)
    try:
        with Child(command, server.environment(), on_line=counter) as child:
            while piece := child.output.read1(PIECE):  # type: ignore[attr-defined]
                writer.write(piece)
                size = megabytes(writer.size)
                say(_("Dumping the database"), f"{counter}, {size}")
            child.succeed()
        say(_("Writing to the disk"), megabytes(writer.size))
        return {writer.name: writer.close()}
    finally:
        writer.abandon()


class TableCounter:
    """Reads in the messages of pg_dump and pg_restore how many tables are done."""

    # In any of the two programs, each table begins with one of these.
    MARKS: Final = ("dumping contents of table ", "processing data for table ")

    def __init__(self, total: int) -> None:
        """``total``: how many tables there are."""
        self._total = total
        self._done = 0
        self._last = ""

    def __call__(self, line: str) -> None:
        """Take a line."""
        for mark in self.MARKS:
            _before, found, name = line.partition(mark)
            if found:
                self._done += 1
                self._last = name.strip('" ')

    def __str__(self) -> str:
        return _("table %(number)d of %(total)d (%(name)s)") % {
            "number": self._done,
            "total": self._total,
            "name": self._last,
        }


def _facts(server: Server) -> dict[str, Any]:
    """Return what the manifest tells of the server, and its major version."""
    with server.connect() as connection:
        major, version = version_of(connection)
        size = connection.execute("SELECT pg_database_size(current_database())")
        row = size.fetchone()
        return {
            "major": major,
            "server": version,
            "database_size": int(row[0]) if row else 0,
            "roles": tuple(str(name) for (name,) in connection.execute(ROLES)),
            "rights": rights_of(connection),
            "settings": settings_of(connection),
            "locale": locale_of(connection),
            "migrations": _migrations(connection),
        }


def _migrations(connection: psycopg.Connection) -> dict[str, str]:
    there = connection.execute("SELECT to_regclass('django_migrations') IS NOT NULL")
    found = there.fetchone()
    if found != (True,):
        return {}
    rows = connection.execute(
        "SELECT app, max(name) FROM django_migrations GROUP BY app ORDER BY app"
    )
    return {str(app): str(name) for app, name in rows}
