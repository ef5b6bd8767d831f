"""Making, trying, restoring and watching backups."""

from __future__ import annotations

import contextlib
import errno
import logging
import shutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import psycopg
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.errors import BtcWatcherError
from monitoring.backups import policy, store
from monitoring.backups.afterwards import live_replaced, versions_differ
from monitoring.backups.dumping import dump
from monitoring.backups.manifest import manifest_write
from monitoring.backups.places import places_read, tells_here
from monitoring.backups.restoring import files_verify, fill
from monitoring.backups.scratch import scratch_database, scratch_sweep
from monitoring.backups.selectors import alert_place
from monitoring.backups.servers import server_of_backups
from monitoring.backups.shapes import (
    BackupBusyError,
    BackupError,
    State,
    megabytes,
    nobody_listens,
)
from monitoring.backups.snapshot import tables_of
from monitoring.backups.swap import database_exists, name_check, take_place
from monitoring.backups.trial import room_check, trial_run
from monitoring.backups.words import words_of
from notifications.dispatch import alert_raise, alert_resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from monitoring.backups.places import Place
    from monitoring.backups.servers import Server
    from monitoring.backups.shapes import Backup, Manifest, Say

logger = logging.getLogger(__name__)

KEYS = (policy.FAILED, policy.AGE, policy.SIZE)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: the rows, the database, and what was there before it."""

    database: str
    rows: int
    aside: str
    notes: tuple[str, ...]


def backup_make(*, say: Say = nobody_listens, trial: bool = True) -> Backup:
    """Make a backup, restore it on trial, remove what is too old, tell what is wrong.

    Returns it with its state, which is not good when the trial failed. Raises
    BackupBusyError when another is being made, BackupError when it could not be made;
    then nothing is left of it but a note.
    """
    with contextlib.ExitStack() as stack:
        with _failure_told():
            stack.enter_context(store.lock())
            store.parts_remove()
            server = server_of_backups()
            _sweep(server)
            path = store.folder() / _make(server, say)
        try:
            if trial:
                _try(server, path, say)
            _expire(say)
        finally:
            alerts_update()
    return _found(path)


@contextlib.contextmanager
def _failure_told() -> Iterator[None]:
    """Note and tell that a backup could not be made, whatever the reason."""
    started = timezone.now()
    try:
        yield
    except BackupBusyError:
        raise
    except BtcWatcherError as error:
        alerts_update(failed=store.failure_note(started, error.message))
        raise
    except OSError as error:
        failure = BackupError(_disk_words(error))
        alerts_update(failed=store.failure_note(started, failure.message))
        raise failure from error


def _disk_words(error: OSError) -> str:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    advice = " Free some space there." if full else ""
    return (
        f"The backup could not be written to {settings.BACKUP_FOLDER}:"
        f" {error.strerror}.{advice}"
    )


def backup_try(wanted: str, *, say: Say = nobody_listens) -> Backup:
    """Restore the backup ``wanted`` on trial, as it lies on the disk now."""
    with store.lock():
        server = server_of_backups()
        _sweep(server)
        backup = store.backup_find(wanted)
        if not backup.is_whole:
            raise BackupError(f"Backup {backup.name} cannot be tried: {backup.error}")
        try:
            _try(server, backup.path, say)
        finally:
            alerts_update()
    return _found(backup.path)


def backup_restore(
    wanted: str,
    *,
    into: str = "",
    replace: bool = False,
    rights: bool = True,
    say: Say = nobody_listens,
) -> Restored:
    """Restore the backup ``wanted`` into the database ``into``, by default the live one.

    It is filled under another name, counted, and only then put in its place; a database
    that was there is kept under a new name. Without ``replace`` BackupError is raised
    when that one holds tables. ``rights``: grants are restored too.
    """
    backup = store.backup_find(wanted)
    manifest = backup.manifest
    if manifest is None or not backup.is_whole:
        raise BackupError(f"Backup {backup.name} cannot be restored: {backup.error}")
    server = server_of_backups()
    target = into or server.database
    with store.lock():
        _sweep(server)
        _target_check(server, target, replace=replace)
        files_verify(backup.path, manifest, say)
        room_check(server, manifest)
        say(_("Making a database to restore into"), "")
        with scratch_database(server, manifest.locale) as name:
            notes = fill(server, backup.path, manifest, name, say, rights=rights)
            _analyze(server, name, say)
            with contextlib.closing(server.connect("postgres")) as connection:
                aside = take_place(connection, name, target, timezone.now())
    told = [*notes, *versions_differ(manifest)]
    if target == server.database:
        told += live_replaced(server)
    return Restored(target, manifest.rows, aside, tuple(told))


def backups_watch(now: datetime | None = None) -> bool:
    """Drop what the dead left, tell what is wrong; True when the daily run was missed."""
    at = now or timezone.now()
    told: tuple[str, ...] = KEYS
    try:
        with store.lock():
            store.parts_remove()
            _sweep(server_of_backups())
    except BackupBusyError:
        # The newest may be on trial at this moment: whoever tries it tells how it ended.
        told = (policy.AGE, policy.SIZE)
    except (BackupError, OSError) as error:
        # Whoever makes the next backup there tells of it.
        logger.warning("The folder of backups could not be looked after: %s", error)
    # That a later one works is told by that one: this round may not know of a failure
    # that a full disk kept from being noted.
    alerts_update(at, resolved=(policy.AGE, policy.SIZE), told=told)
    return policy.is_missed(store.backups_read(), at)


def alerts_update(
    now: datetime | None = None,
    *,
    failed: Backup | None = None,
    resolved: tuple[str, ...] = KEYS,
    told: tuple[str, ...] = KEYS,
) -> None:
    """Raise and resolve the alerts about backups; a database that is away is no error.

    ``failed`` is an attempt that may not be in the folder. Only alerts whose keys are
    in ``resolved`` are resolved, only those in ``told`` are raised; none of either in a
    folder that is not the one in which the system makes its backups.
    """
    at = now or timezone.now()
    backups = store.backups_read()
    if failed is not None:
        backups = [failed, *(b for b in backups if b.path != failed.path)]
    found = {each.key: each for each in policy.troubles(backups, at)}
    try:
        places = places_read()
        if not tells_here(places):
            return
        for key in resolved:
            if key not in found and _is_ours(key, places):
                alert_resolve(key=key, now=at)
        for key, trouble in found.items():
            if key in told:
                _raise(trouble, at)
    except DatabaseError as error:
        logger.error(  # noqa: TRY400 - the text may hold the address of the server
            "Troubles with backups could not be told (%s): %s",
            type(error).__name__,
            ", ".join(found) or "none",
        )


def _raise(trouble: policy.Trouble, now: datetime) -> None:
    alert_raise(
        key=trouble.key,
        priority="P1",
        words=partial(words_of, trouble),
        context={"backup": trouble.facts["name"], "place": store.mark()},
        now=now,
    )


def _is_ours(key: str, places: Sequence[Place]) -> bool:
    """Whether the open alert ``key`` is about our folder, or about one of the past."""
    raised = alert_place(key)
    others = {place.mark for place in places if not place.is_here}
    return not raised or raised not in others


def _make(server: Server, say: Say) -> str:
    root = store.folder()
    started = timezone.now()
    try:
        with server.connect() as connection:
            row = connection.execute("SELECT pg_database_size(current_database())")
            size = int((row.fetchone() or (0,))[0])
        needed = policy.room_needed(store.backups_read(), size)
        _room_check(root, needed)
        with store.assembled(started) as (name, part):
            sealed = settings.BACKUP_ENCRYPT
            manifest = dump(server, part, name, started, sealed=sealed, say=say)
            store.text_put(part / store.MANIFEST, manifest_write(manifest))
    except psycopg.Error as error:
        raise BackupError(f"The database failed: {str(error).strip()}") from error
    _log(manifest)
    return name


def _try(server: Server, path: Path, say: Say) -> None:
    backup = _found(path)
    if backup.manifest is None:
        raise BackupError(f"Backup {backup.name} cannot be tried: {backup.error}")
    trial = trial_run(server, path, backup.manifest, say)
    try:
        store.trial_keep(path, trial)
    except OSError as error:
        raise BackupError(
            f"How the trial of {path.name} ended could not be kept: {error.strerror}."
            f" {trial.error or 'It was good.'} Run manage.py backup --try {path.name}."
        ) from error
    if trial.error:
        logger.error("Backup %s was not restored on trial: %s", path.name, trial.error)
    else:
        logger.info(
            "Backup %s was restored on trial: %d rows in %.1f s.",
            path.name,
            trial.rows,
            trial.seconds,
        )


def _found(path: Path) -> Backup:
    backup = store.backup_read(path)
    if backup is None or backup.state is State.FAILED:
        raise BackupError(f"There is no backup at {path}.")
    return backup


def _expire(say: Say) -> None:
    old = policy.expired(
        store.backups_read(), timezone.now(), settings.BACKUP_DAYS_KEPT
    )
    for backup in old:
        say(_("Removing what is too old"), backup.name)
        try:
            store.remove(backup)
        except OSError as error:
            logger.warning("%s could not be removed: %s", backup.path, error.strerror)


def _room_check(root: Path, needed: int) -> None:
    free = shutil.disk_usage(root).free
    if free < needed:
        raise BackupError(
            f"A backup needs about {megabytes(needed)}, and {megabytes(free)} are free at"
            f" {root}. Free some space, or name another folder with BTCW_BACKUP_FOLDER."
        )


def _sweep(server: Server) -> None:
    """Drop scratch databases of the dead; a server that is away has the next round."""
    try:
        for name in scratch_sweep(server):
            logger.warning("Dropped %s, which a killed restore left behind.", name)
    except (BackupError, psycopg.Error) as error:
        logger.warning("Scratch databases were not looked for: %s", error)


def _target_check(server: Server, target: str, *, replace: bool) -> None:
    name_check(target)
    with contextlib.closing(server.maintenance()) as connection:
        if not database_exists(connection, target):
            return
    with contextlib.closing(server.connect(target)) as connection:
        held = len(tables_of(connection))
    if held and not replace:
        live = "the live database" if target == server.database else "a database"
        raise BackupError(
            f"{target} is {live} with {held} tables. Name another with --into, or add"
            " --yes-really: it is put aside then, not lost."
        )


def _analyze(server: Server, name: str, say: Say) -> None:
    say(_("Analysing the tables"), "")
    with contextlib.closing(server.connect(name)) as connection:
        connection.execute("ANALYZE")


def _log(manifest: Manifest) -> None:
    logger.info(
        "Made backup %s: %d rows of %d tables in %s.",
        manifest.name,
        manifest.rows,
        len(manifest.tables),
        megabytes(manifest.size),
    )
    if manifest.redis_missing:
        logger.warning("Backup %s: %s", manifest.name, manifest.redis_missing)
