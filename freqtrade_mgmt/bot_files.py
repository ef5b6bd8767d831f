"""Files in a bot's folder, which belongs to the bot's user.

A strategy may put a link or a pipe where a log should be, or a link where a folder was.
We may be root: whatever is opened here is a plain file in that very folder, or nothing,
and nothing is written or given away before the folder is ours again.
"""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def open_inside(folder: Path, path: Path, flags: int) -> int:
    """Open ``path``, which lies below ``folder``, and return its descriptor.

    New files get mode 0600. Raises OSError when any part of the way is a link, or the
    end is not a plain file.
    """
    *places, name = path.relative_to(folder).parts
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for place in places:
            way = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            deeper = os.open(place, way, dir_fd=here)
            os.close(here)
            here = deeper
        # Not blocking: a pipe without a writer would hold us for ever.
        how = flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, how, 0o600, dir_fd=here)
    finally:
        os.close(here)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is not a plain file.")
    return descriptor


def read_inside(folder: Path, path: Path, most: int) -> bytes:
    """Return a file below ``folder``; raises OSError as open_inside, or when it is long."""
    with os.fdopen(open_inside(folder, path, os.O_RDONLY), "rb") as file:
        text = file.read(most + 1)
    if len(text) > most:
        raise OSError(f"{path} is longer than {most} bytes.")
    return text


def folder_take(folder: Path) -> None:
    """Make a folder, or take it back: ours, and closed to everybody else.

    From here on no other user can exchange what lies in it; the folders in it are to be
    taken one by one. The folder that holds it must be ours already. What is not a folder
    is removed. Raises OSError.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        folder.unlink()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    here = os.open(folder, flags)
    try:
        if os.fstat(here).st_uid != os.geteuid():
            os.fchown(here, os.geteuid(), os.getegid())
        os.fchmod(here, 0o700)
    finally:
        os.close(here)


def file_write(path: Path, text: str) -> None:
    """Replace ``path``, in a folder that was taken, by a file of mode 0600, at once."""
    draft = path.with_name(f".{path.name}.new")
    for place in (draft, path):
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
    draft.replace(path)


def folder_give(folder: Path, uid: int, gid: int) -> None:
    """Hand a folder that was taken, and all in it, to a user.

    Everything is opened before it is given away, so that nothing can take its place:
    links are left alone, and so are files that have another name, perhaps elsewhere.
    """
    for _place, _folders, files, here in os.fwalk(folder, topdown=False):
        for name in files:
            _file_give(name, here, uid, gid)
        os.fchown(here, uid, gid)


def _file_give(name: str, here: int, uid: int, gid: int) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=here)
    except OSError:
        return
    try:
        about = os.fstat(descriptor)
        if stat.S_ISREG(about.st_mode) and about.st_nlink == 1:
            os.fchown(descriptor, uid, gid)
    finally:
        os.close(descriptor)
