"""A home of its own, and no exchange for the proof but its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from freqtrade_mgmt.supervisor import proving

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BTCW_HOME = tmp_path / "home"
    settings.LANGUAGE_CODE = "en"
    # Nobody listens there, so every proof brings an exchange of its own.
    settings.SIMULATOR_URL = "http://127.0.0.1:9/api/v3"
    monkeypatch.setattr(proving, "RUN_SECONDS", 0.3)
