"""Notes that somebody keeps a copy of the encryption keys elsewhere."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.utils import timezone

from btc_watcher.lib.encryption import key_ring

if TYPE_CHECKING:
    from pathlib import Path

NOTE: Final = "keys-saved.json"


def keys_note() -> None:
    """Note that the keys of this moment are kept elsewhere; OSError when that fails."""
    note = {"keys": _mark(), "at": timezone.now().isoformat()}
    _path().write_text(json.dumps(note) + "\n", encoding="utf-8")


def keys_are_noted() -> bool:
    """Tell whether the keys of this moment were noted."""
    try:
        note = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(note, dict) and note.get("keys") == _mark()


def _path() -> Path:
    home: Path = settings.BTCW_HOME
    return home / NOTE


def _mark() -> str:
    """Return what changes with the first key and tells nothing of it."""
    derived = key_ring().derived(key_ring().primary, b"", b"note of a copy")
    return hashlib.sha256(derived).hexdigest()[:16]
