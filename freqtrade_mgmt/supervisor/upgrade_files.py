"""Copies of what an upgrade could spoil: bots' configurations and their trades.

A bot's folder belongs to the bot's user, so nothing in it is opened by SQLite itself: it
would follow links, and leave files of ours beside a living bot's database.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from django.conf import settings

from freqtrade_mgmt.bot_config import BotPaths
from freqtrade_mgmt.bot_files import folder_take, open_inside
from freqtrade_mgmt.supervisor.records import bot_folder
from freqtrade_mgmt.upgrades.schema import Column, obstacle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TRADES: Final = "trades.sqlite"
# What SQLite keeps beside a database; -shm is made anew.
BESIDE: Final = ("-wal", "-journal")
REPLACED: Final = "replaced"
TRIES: Final = 40
PAUSE: Final = 0.1
LARGEST: Final = 4 * 1024 * 1024
# What a copy leaves free on the disk, in bytes.
SPARE: Final = 200_000_000
PART: Final = 1024 * 1024
# Beside what was replaced: the reason.
WHY: Final = "why.txt"


def backup_folder(upgrade_id: int) -> Path:
    """Return where the copies of one operation lie."""
    home: Path = settings.BTCW_HOME
    return home / "backups" / "freqtrade" / str(upgrade_id)


def backup_one(upgrade_id: int, strategy_id: int) -> bool:
    """Copy configuration, strategy and trades of a bot; False when it has none yet.

    The copy is complete or absent: an earlier one is replaced in one go. Raises OSError,
    also where the trades cannot be read.
    """
    folder = bot_folder(strategy_id)
    if not folder.is_dir():
        return False
    root = backup_folder(upgrade_id)
    for place in (root.parent.parent, root.parent, root):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.chmod(0o700)
    draft = Path(tempfile.mkdtemp(prefix=f".{strategy_id}-", dir=root))
    try:
        paths = BotPaths.of(folder)
        sources = [paths.config, *sorted(paths.strategies.glob("*.py"))]
        for path in sources:
            with contextlib.suppress(FileNotFoundError):
                _copy(folder, path, draft / path.name, LARGEST)
        snapshot(folder, paths.database, draft / TRADES)
        target = root / str(strategy_id)
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return True


def backups_lying() -> list[int]:
    """Return the operations of which copies lie on the disk."""
    try:
        names = [path.name for path in backup_folder(0).parent.iterdir()]
    except FileNotFoundError:
        return []
    return [int(name) for name in names if name.isascii() and name.isdigit()]


def backups_remove(upgrade_ids: Iterable[int]) -> None:
    """Remove the copies of these operations."""
    for upgrade_id in upgrade_ids:
        shutil.rmtree(backup_folder(upgrade_id), ignore_errors=True)


def has_backup(upgrade_id: int, strategy_id: int) -> bool:
    """Tell whether an operation has copied a bot."""
    return (backup_folder(upgrade_id) / str(strategy_id)).is_dir()


def snapshot(folder: Path, database: Path, target: Path) -> bool:
    """Copy a SQLite database that its bot may be writing; False when there is none.

    Raises OSError, also when the copy is not sound.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as place:
        work = Path(place) / TRADES
        for number in range(TRIES):
            if number:
                time.sleep(PAUSE)
            before = _stamps(folder, database)
            if before is None:
                return False
            for end in ("", *BESIDE):
                (work.parent / f"{TRADES}{end}").unlink(missing_ok=True)
                source = database.with_name(database.name + end)
                with contextlib.suppress(FileNotFoundError):
                    _copy(folder, source, work.parent / f"{TRADES}{end}")
            # Written meanwhile, the parts may not belong together.
            if _stamps(folder, database) == before:
                _sound_copy(work, target)
                return True
    raise OSError(f"{database} is written without a pause")


def take_back(upgrade_id: int, strategy_id: int) -> tuple[str, str]:
    """Make the trades of a bot that does not run fit for the old version.

    Returns what kept the old version from them and where they are kept now; two empty
    words when they stay as they are. Raises OSError when they cannot be looked at.
    """
    folder = bot_folder(strategy_id)
    database = BotPaths.of(folder).database
    kept = backup_folder(upgrade_id) / str(strategy_id) / TRADES
    if not kept.exists() or not folder.is_dir():
        return "", ""
    folder_take(folder)
    replaced = kept.parent / REPLACED
    # There already, whoever began was killed: what lies in the folder now may be half.
    why = _why(replaced)
    if not why:
        why = _obstacle(folder, database, kept)
        if not why:
            return "", ""
        _set_aside(folder, database, replaced, why)
    _put_back(folder, database, kept)
    return why, str(replaced)


def _obstacle(folder: Path, database: Path, kept: Path) -> str:
    """Return what keeps the old version from the trades as they are now, or ""."""
    with tempfile.TemporaryDirectory(dir=kept.parent) as place:
        now = Path(place) / TRADES
        try:
            if not snapshot(folder, database, now):
                return ""
            return obstacle(schema_of(kept), schema_of(now))
        except OSError as error:
            return str(error)


def _set_aside(folder: Path, database: Path, replaced: Path, why: str) -> None:
    """Keep what is to be replaced: all of it, or nothing of that name."""
    draft = Path(tempfile.mkdtemp(prefix=f".{REPLACED}-", dir=replaced.parent))
    try:
        for end in ("", *BESIDE):
            source = database.with_name(database.name + end)
            with contextlib.suppress(FileNotFoundError):
                _copy(folder, source, draft / source.name)
        _write(draft / WHY, why.encode())
        draft.rename(replaced)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put_back(folder: Path, database: Path, kept: Path) -> None:
    draft = folder / f".{TRADES}.new"
    draft.unlink(missing_ok=True)
    _write(draft, kept.read_bytes())
    for end in (*BESIDE, "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    draft.replace(database)


def _why(replaced: Path) -> str:
    try:
        return (replaced / WHY).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def schema_of(path: Path) -> Mapping[str, Mapping[str, Column]]:
    """Return tables and columns of a database of ours; raises OSError."""
    try:
        with closing(sqlite3.connect(path)) as database:
            tables = database.execute(
                "SELECT name FROM sqlite_master"
                " WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            return {
                table: {
                    name: Column(str(kind).upper(), bool(needed) and default is None)
                    for name, kind, needed, default in database.execute(
                        'SELECT name, type, "notnull", dflt_value'
                        " FROM pragma_table_info(?)",
                        (table,),
                    )
                }
                for (table,) in tables
            }
    except sqlite3.Error as error:
        raise OSError(f"{path.name} cannot be read: {error}") from error


def _sound_copy(source: Path, target: Path) -> None:
    """Write one whole file from a database and what lies beside it."""
    _write(target, b"")
    try:
        with (
            closing(sqlite3.connect(source)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
            # In one file: what lies beside it would be forgotten.
            new.execute("PRAGMA journal_mode=DELETE")
            (said,) = new.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        raise OSError(f"{source.name} cannot be read: {error}") from error
    if said != "ok":
        raise OSError(f"{source.name} is damaged: {said}")


def _stamps(folder: Path, database: Path) -> tuple[object, ...] | None:
    """Return what tells whether a database was written; None when there is none."""
    found: list[object] = []
    for end in ("", *BESIDE):
        try:
            descriptor = open_inside(
                folder, database.with_name(database.name + end), os.O_RDONLY
            )
        except FileNotFoundError:
            if not end:
                return None
            found.append(None)
            continue
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(file.fileno())
            found.append((about.st_ino, about.st_size, about.st_mtime_ns))
    return tuple(found)


def _copy(folder: Path, source: Path, target: Path, most: int | None = None) -> None:
    with os.fdopen(open_inside(folder, source, os.O_RDONLY), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise OSError(f"{source} is longer than {most} bytes.")
        # Each copy is made twice, and the disk is everybody's.
        if 2 * size + SPARE > shutil.disk_usage(target.parent).free:
            raise OSError(f"There is no room for a copy of {source} ({size} bytes).")
        _write(target, b"")
        with target.open("r+b") as copy:
            # It may be growing.
            _copy_part(file, copy, size)


def _copy_part(file: IO[bytes], copy: IO[bytes], size: int) -> None:
    while size > 0 and (part := file.read(min(size, PART))):
        copy.write(part)
        size -= len(part)


def _write(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
