"""What tests of backups look at."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from django.core.management import call_command

from notifications.models import Alert

if TYPE_CHECKING:
    from pathlib import Path

    from monitoring.backups.shapes import Backup


def run(command: str, *arguments: str) -> str:
    output = io.StringIO()
    call_command(command, *arguments, stdout=output)
    return output.getvalue()


def alerts() -> dict[str, str]:
    return {a.key: a.title for a in Alert.objects.filter(resolved_at=None)}


def file_of(backup: Backup, start: str = "database") -> Path:
    return next(path for path in backup.path.iterdir() if path.name.startswith(start))


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 4
    path.write_bytes(data)
