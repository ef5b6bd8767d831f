"""The manifest of a backup as JSON, with a checksum of its own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from monitoring.backups.shapes import (
    FORMAT,
    DamagedBackupError,
    FileFacts,
    Manifest,
    Trial,
)

BY_ROLE = ("rights", "settings")


def manifest_write(manifest: Manifest) -> str:
    """Return the text of the file."""
    value = asdict(manifest)
    value["format"] = FORMAT
    value["started"] = manifest.started.isoformat()
    value["finished"] = manifest.finished.isoformat()
    value["roles"] = list(manifest.roles)
    for word in BY_ROLE:
        value[word] = {role: list(each) for role, each in value[word].items()}
    value["sha256"] = _checksum(value)
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def manifest_read(text: str) -> Manifest:
    """Return what ``manifest_write`` was given; DamagedBackupError for all else."""
    try:
        value: dict[str, Any] = json.loads(text)
        stated = value.pop("sha256")
        if stated != _checksum(value):
            raise DamagedBackupError(
                "The manifest was changed after it was written. Use another backup."
            )
        if (written := value.pop("format")) != FORMAT:
            raise DamagedBackupError(
                f"The backup has format {written}; this version reads {FORMAT}."
                " Restore it with the version that made it."
            )
        value["started"] = datetime.fromisoformat(value["started"])
        value["finished"] = datetime.fromisoformat(value["finished"])
        value["roles"] = tuple(value["roles"])
        for word in BY_ROLE:
            value[word] = {role: tuple(each) for role, each in value[word].items()}
        value["files"] = {n: FileFacts(**facts) for n, facts in value["files"].items()}
        return Manifest(**value)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedBackupError(
            "The manifest cannot be read. Use another backup."
        ) from error


def trial_write(trial: Trial) -> str:
    """Return the text of the file that tells how a trial ended."""
    value = asdict(trial) | {"at": trial.at.isoformat()}
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def trial_read(text: str) -> Trial | None:
    """Return the trial, None when the text makes no sense: then it is to be repeated."""
    try:
        value: dict[str, Any] = json.loads(text)
        value["at"] = datetime.fromisoformat(value["at"])
        value["notes"] = tuple(value["notes"])
        return Trial(**value)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _checksum(value: dict[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
