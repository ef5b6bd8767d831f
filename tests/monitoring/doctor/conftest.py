"""A home that is nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings


@pytest.fixture
def home(settings: Settings, tmp_path: Path) -> Path:
    """A home of its own with private secrets."""
    settings.BTCW_HOME = tmp_path / "home"
    settings.BACKUP_FOLDER = str(tmp_path / "backups")
    secrets: Path = settings.BTCW_HOME / "secrets"
    secrets.mkdir(parents=True)
    secrets.chmod(0o700)
    (secrets / "BTCW_SECRET_KEY").write_text("x")
    (secrets / "BTCW_SECRET_KEY").chmod(0o600)
    return tmp_path / "home"
