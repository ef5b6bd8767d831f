"""Filling an empty database from a backup, and counting what has arrived."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from typing import TYPE_CHECKING, Final

import psycopg
from django.utils.translation import gettext as _

from monitoring.backups.belongings import belongings_give, functions_close
from monitoring.backups.children import Child
from monitoring.backups.dumping import TableCounter
from monitoring.backups.files import files_check, plain_pieces
from monitoring.backups.servers import version_of
from monitoring.backups.shapes import DUMP, SEALED, BackupError, megabytes
from monitoring.backups.snapshot import counts_of, tables_of
from monitoring.backups.tools import tools_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from monitoring.backups.servers import Server
    from monitoring.backups.shapes import Manifest, Say
    from monitoring.backups.tools import Tools

# Whoever restores waits, and what a crash loses is made anew.
OPTIONS: Final = "-c synchronous_commit=off -c maintenance_work_mem=128MB"
MOST_JOBS: Final = 4
ENTRY: Final = re.compile(r"^\d+; \d+ \d+ (EXTENSION|COMMENT) - (?:EXTENSION )?(\S+)")
# A newer pg_restore sets what an older server does not know; nothing depends on it.
HARMLESS: Final = "unrecognized configuration parameter"
NAMED_DIFFERENCES: Final = 5


def files_verify(path: Path, manifest: Manifest, say: Say) -> None:
    """Compare every file with its checksum; DamagedBackupError."""
    title, total = _("Checking the files"), megabytes(manifest.size)
    files_check(
        path,
        manifest.files,
        lambda done: say(title, f"{megabytes(done)} / {total}"),
    )


def fill(
    server: Server,
    path: Path,
    manifest: Manifest,
    database: str,
    say: Say,
    *,
    rights: bool,
) -> tuple[str, ...]:
    """Restore into the empty ``database`` and compare the rows of each table.

    ``rights``: what roles were granted is restored too, on the database as well. Returns
    notes about what was left out. BackupError when the result is not whole.
    """
    try:
        with contextlib.closing(server.connect(database)) as connection:
            notes = _restore(server, path, manifest, connection, say, rights=rights)
            say(_("Counting rows"), "")
            counts = counts_of(connection, tables_of(connection))
    except psycopg.Error as error:
        raise BackupError(f"The database failed: {str(error).strip()}") from error
    counts_compare(manifest.tables, counts)
    return notes


def counts_compare(wanted: Mapping[str, int], found: Mapping[str, int]) -> None:
    """Raise BackupError that names tables whose rows differ. Pure."""
    differing = [
        f"{name} {found.get(name, 'no table')} instead of {wanted.get(name, 'none')}"
        for name in sorted({*wanted, *found})
        if wanted.get(name) != found.get(name)
    ]
    if differing:
        named = ", ".join(differing[:NAMED_DIFFERENCES])
        raise BackupError(
            f"After the restore {len(differing)} tables do not have the rows that were"
            f" saved: {named}."
        )


def _restore(
    server: Server,
    path: Path,
    manifest: Manifest,
    connection: psycopg.Connection,
    say: Say,
    *,
    rights: bool,
) -> tuple[str, ...]:
    # An older pg_restore does not know the format of a newer pg_dump.
    made_by = int(manifest.tool.removeprefix("pg_dump ").partition(".")[0])
    tools = tools_for(max(made_by, version_of(connection)[0]), server.parameters)
    dump = next(path / name for name in manifest.files if name.startswith(DUMP))
    environment = server.environment(connection.info.dbname, OPTIONS)
    contents = _contents(tools, dump, environment)
    wanted, notes = _wanted(contents, connection)
    options = ["--no-owner", "--no-password", "--verbose"]
    missing = _roles_missing(manifest, connection) if rights else []
    rights = rights and not missing
    if not rights:
        options.append("--no-privileges")
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".list") as chosen:
        chosen.write(wanted)
        chosen.flush()
        options.append(f"--use-list={chosen.name}")
        command = [tools.restore, *options, f"--dbname={connection.info.dbname}"]
        counter = TableCounter(len(manifest.tables))
        _run(command, dump, environment, counter, say)
    if rights:
        return (*notes, *_belongings(manifest, connection))
    functions_close(connection)
    return (*notes, *_without(missing))


def _belongings(manifest: Manifest, connection: psycopg.Connection) -> list[str]:
    refused = belongings_give(connection, manifest.rights, manifest.settings)
    if not refused:
        return []
    return [f"Refused: {'; '.join(refused)}. Run manage.py setup_roles."]


def _without(missing: list[str]) -> list[str]:
    if not missing:
        return []
    return [
        "Rights were not restored, because of these roles there are none:"
        f" {', '.join(missing)}. Run manage.py setup_roles."
    ]


def _run(
    command: list[str],
    dump: Path,
    environment: Mapping[str, str],
    counter: TableCounter,
    say: Say,
) -> None:
    title = _("Restoring")

    def on_line(line: str) -> None:
        counter(line)
        say(title, str(counter))

    sealed = dump.name.endswith(SEALED)
    if not sealed:
        # From a file several sessions can read at once; from a pipe one.
        command += [f"--jobs={jobs()}", str(dump)]
    with Child(command, environment, feeds=sealed, on_line=on_line) as child:
        if sealed:
            _feed(child, dump)
        child.output.read()
        code = child.wait()
        serious = [line for line in child.errors if HARMLESS not in line]
        # 1 is an error that it told of; anything else is an end in the middle.
        if serious or code not in {0, 1} or (code and not child.errors):
            words = " ".join(serious[:NAMED_DIFFERENCES]) or f"exit code {code}"
            raise BackupError(f"pg_restore failed: {words}")


def jobs() -> int:
    """Return how many sessions restore at once."""
    return max(1, min(MOST_JOBS, os.cpu_count() or 1))


def _feed(child: Child, dump: Path) -> None:
    """Write the plain bytes; a program that needs no more of them closes its end."""
    with contextlib.suppress(BrokenPipeError):
        for piece in plain_pieces(dump):
            child.input.write(piece)
        child.input.close()


def _contents(tools: Tools, dump: Path, environment: Mapping[str, str]) -> list[str]:
    """Return pg_restore's list of what the dump holds."""
    sealed = dump.name.endswith(SEALED)
    command = [tools.restore, "--list", *([] if sealed else [str(dump)])]
    with Child(command, environment, feeds=sealed) as child:
        if sealed:
            _feed(child, dump)
        text = child.output.read().decode(errors="replace")
        child.succeed()
    return text.splitlines()


def _wanted(
    contents: list[str], connection: psycopg.Connection
) -> tuple[str, list[str]]:
    """Return the list without what this role may not make, and notes about that."""
    kept, notes = [], []
    for line in contents:
        entry = ENTRY.match(line)
        if entry is None:
            kept.append(line)
        elif entry.group(1) == "COMMENT":
            # Only the owner of an extension may comment on it.
            if " EXTENSION " not in line:
                kept.append(line)
        elif _may_make(connection, entry.group(2)):
            kept.append(line)
        elif not _is_there(connection, entry.group(2)):
            notes.append(
                f"The extension {entry.group(2)} was left out: it takes a superuser."
            )
    return "\n".join(kept) + "\n", notes


def _may_make(connection: psycopg.Connection, extension: str) -> bool:
    row = connection.execute(
        "SELECT rolsuper OR EXISTS (SELECT FROM pg_available_extension_versions"
        " WHERE name = %s AND trusted) FROM pg_roles WHERE rolname = current_user",
        [extension],
    ).fetchone()
    return row == (True,)


def _is_there(connection: psycopg.Connection, extension: str) -> bool:
    query = "SELECT FROM pg_extension WHERE extname = %s"
    return connection.execute(query, [extension]).fetchone() is not None


def _roles_missing(manifest: Manifest, connection: psycopg.Connection) -> list[str]:
    rows = connection.execute("SELECT rolname FROM pg_roles")
    there = {str(name) for (name,) in rows}
    return sorted(set(manifest.roles) - there)
