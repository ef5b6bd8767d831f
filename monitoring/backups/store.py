"""The folder of backups: one folder each, named by its moment; a failure leaves a note.

A backup is written into a folder whose name begins with a dot and gets its own name when
it is whole and on the disk, so whatever has a name of its own was once whole.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import stat
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.conf import settings

from monitoring.backups.manifest import manifest_read, trial_read, trial_write
from monitoring.backups.shapes import (
    Backup,
    BackupBusyError,
    BackupError,
    DamagedBackupError,
    State,
    Trial,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST: Final = "manifest.json"
TRIAL: Final = "trial.json"
FAILURE: Final = ".failed.json"
PART: Final = ".part-"
MARK: Final = ".mark"
NAME: Final = re.compile(r"(\d{8}T\d{6}Z)(-\d+)?")
MOMENT: Final = "%Y%m%dT%H%M%SZ"


def folder() -> Path:
    """Return the folder of backups, made when it is missing; only we may enter it."""
    path = Path(settings.BACKUP_FOLDER)
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        open_to_all = path.stat().st_mode & stat.S_IWOTH
    except OSError as error:
        raise BackupError(
            f"The folder of backups {path} cannot be made: {error.strerror}. Name"
            " another with BTCW_BACKUP_FOLDER."
        ) from error
    if open_to_all:
        raise BackupError(
            f"Everybody may write to the folder of backups {path}, and could put there"
            f" what a restore would run. Take that away: chmod 700 {path}"
        )
    return path


def mark(*, make: bool = False) -> str:
    """Return what names the folder wherever it is seen from; "" when it has no mark.

    A copy of the folder has the same. ``make`` gives it a mark if it has none.
    """
    path = Path(settings.BACKUP_FOLDER) / MARK
    with contextlib.suppress(OSError, BackupError, ValueError):
        # Not in a folder that nothing may be kept in; there, what it has counts.
        if make and not path.exists():
            folder()
            with contextlib.suppress(FileExistsError), path.open("x") as handle:
                handle.write(str(uuid.uuid4()))
        return str(uuid.UUID(path.read_text(encoding="ascii")))
    return ""


def answers() -> bool:
    """Tell whether the folder can be looked into."""
    try:
        os.scandir(settings.BACKUP_FOLDER).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def lock() -> Iterator[None]:
    """Be the only one that makes or restores a backup; BackupBusyError when another is."""
    descriptor = _lock_opened(folder())
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupBusyError(
                "Another backup or restore is at work. Wait until it has ended."
            ) from error
        yield
    finally:
        os.close(descriptor)


def _lock_opened(root: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(root / ".lock", flags, 0o600)
    except OSError as error:
        if error.errno == errno.EROFS:
            # A disk that is only read is restored from, and nobody else writes there.
            return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        raise BackupError(
            f"The folder of backups {root} cannot be used: {error.strerror}. Name"
            " another with BTCW_BACKUP_FOLDER, or let this user write there."
        ) from error


@contextlib.contextmanager
def assembled(started: datetime) -> Iterator[tuple[str, Path]]:
    """Give a name and a folder to fill; at the end of the block it becomes a backup.

    Whatever ends the block otherwise leaves nothing.
    """
    root = folder()
    stem = started.astimezone(UTC).strftime(MOMENT)
    name, number = stem, 1
    while (root / name).exists():
        number += 1
        name = f"{stem}-{number}"
    part = Path(tempfile.mkdtemp(prefix=f"{PART}{name}-", dir=root))
    try:
        yield name, part
        _sync(part)
        part.rename(root / name)
        _sync(root)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def parts_remove() -> None:
    """Remove what a killed backup left, and note it; call it with the lock held."""
    for part in folder().iterdir():
        if not part.name.startswith(PART):
            continue
        if not part.is_dir():
            part.unlink(missing_ok=True)
            continue
        shutil.rmtree(part, ignore_errors=True)
        if matched := NAME.match(part.name.removeprefix(PART)):
            failure_note(
                _moment(matched.group(1)),
                "It was interrupted: its process was killed, or the machine went down.",
            )


def text_put(path: Path, text: str) -> None:
    """Replace ``path`` by a private file that holds ``text``, on the disk.

    OSError when there is no room for it; then ``path`` is as it was.
    """
    number, name = tempfile.mkstemp(dir=path.parent, prefix=PART)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync(path.parent)


def failure_note(started: datetime, error: str) -> Backup:
    """Keep why a backup was not made, and return the entry.

    A full disk may keep even that from being kept; then the entry is all there is.
    """
    name = started.astimezone(UTC).strftime(MOMENT)
    note = json.dumps({"started": started.isoformat(), "error": error}) + "\n"
    with contextlib.suppress(OSError, BackupError):
        text_put(folder() / (name + FAILURE), note)
    path = Path(settings.BACKUP_FOLDER) / (name + FAILURE)
    return Backup(name, path, State.FAILED, started, error=error)


def trial_keep(backup: Path, trial: Trial) -> None:
    """Write beside the files how their trial ended."""
    text_put(backup / TRIAL, trial_write(trial))


def backups_read() -> list[Backup]:
    """Return every entry, newest first. Files are not read, so damage may be unseen."""
    path = Path(settings.BACKUP_FOLDER)
    try:
        there = list(path.iterdir())
    except OSError:
        # A folder that cannot be used is told by whoever makes the next backup.
        return []
    entries = (backup_read(each) for each in there)
    found = [entry for entry in entries if entry is not None]
    return sorted(found, key=lambda backup: (backup.started, backup.name), reverse=True)


def backup_read(path: Path) -> Backup | None:
    """Return the entry at ``path``, None when it is none of ours."""
    if path.name.endswith(FAILURE):
        return _failure(path)
    matched = NAME.fullmatch(path.name)
    if not matched or not path.is_dir():
        return None
    started = _moment(matched.group(1))
    try:
        manifest = manifest_read((path / MANIFEST).read_text(encoding="utf-8"))
        _sizes_check(path, {n: facts.size for n, facts in manifest.files.items()})
    except (OSError, UnicodeDecodeError) as error:
        words = f"{path / MANIFEST} cannot be read: {type(error).__name__}."
        return Backup(path.name, path, State.DAMAGED, started, error=words)
    except DamagedBackupError as error:
        return Backup(path.name, path, State.DAMAGED, started, error=error.message)
    trial = _trial(path)
    state = State.UNTRIED
    if trial is not None:
        state = State.TRIAL_FAILED if trial.error else State.GOOD
    error_words = trial.error if trial else ""
    return Backup(
        path.name,
        path,
        state,
        manifest.started,
        manifest.size,
        error_words,
        manifest,
        trial,
    )


def backup_find(wanted: str) -> Backup:
    """Return the backup called ``wanted``: a name, its folder, or a file inside."""
    given = Path(wanted)
    places = [given, given.parent] if given.exists() else []
    if "/" not in wanted:
        places.append(Path(settings.BACKUP_FOLDER) / wanted)
    for place in places:
        backup = backup_read(place.resolve())
        if backup is not None and backup.state is not State.FAILED:
            return backup
    raise BackupError(
        f"There is no backup {wanted!r}. manage.py backups lists them; a folder of one"
        " may be named too."
    )


def remove(backup: Backup) -> None:
    """Remove an entry; its manifest goes first, so half of it is no backup."""
    if backup.path.is_dir():
        (backup.path / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(backup.path)
    else:
        backup.path.unlink(missing_ok=True)


def _failure(path: Path) -> Backup | None:
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        started = datetime.fromisoformat(note["started"])
        error = str(note["error"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    name = path.name.removesuffix(FAILURE)
    return Backup(name, path, State.FAILED, started, error=error)


def _trial(path: Path) -> Trial | None:
    try:
        return trial_read((path / TRIAL).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def _sizes_check(path: Path, sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        there = (path / name).stat().st_size if (path / name).is_file() else -1
        if there != size:
            raise DamagedBackupError(
                f"{path / name} is missing."
                if there < 0
                else f"{path / name} has {there} bytes instead of {size}."
            )


def _moment(text: str) -> datetime:
    return datetime.strptime(text, MOMENT).replace(tzinfo=UTC)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
