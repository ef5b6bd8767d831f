"""Compiles gettext catalogues without the gettext programs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from btc_watcher.lib.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from babel.messages.catalog import Catalog


def catalogues_compile(folders: Iterable[str | Path]) -> list[Path]:
    """Compile every ``LANGUAGE/LC_MESSAGES/*.po`` below ``folders`` that changed.

    Returns the ``.mo`` files that were written. Processes may do this at once. Raises
    ConfigurationError for a catalogue that cannot be read, or a translation whose
    placeholders are not those of the original.
    """
    written = []
    for folder in folders:
        for source in sorted(Path(folder).glob("*/LC_MESSAGES/*.po")):
            target = source.with_suffix(".mo")
            # Not "newer": a checkout of an older commit goes back in time.
            if (
                target.exists()
                and target.stat().st_mtime_ns == source.stat().st_mtime_ns
            ):
                continue
            _write(catalogue_read(source), source, target)
            written.append(target)
    return written


def catalogue_read(source: Path) -> Catalog:
    """Return the checked catalogue in ``source``."""
    try:
        with source.open("rb") as handle:
            catalogue = read_po(
                handle, locale=source.parent.parent.name, abort_invalid=True
            )
    except (PoFileError, ValueError) as error:
        raise ConfigurationError(f"{source} is no valid catalogue: {error}") from error
    for message, errors in catalogue.check():
        raise ConfigurationError(
            f"{source}, line {message.lineno}: the translation of {message.id!r} does not"
            f" fit: {errors[0]}"
        )
    return catalogue


def _write(catalogue: Catalog, source: Path, target: Path) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            write_mo(handle, catalogue)
        temporary.chmod(0o644)
        stamp = source.stat()
        os.utime(temporary, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
