"""What tests of shared processes have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from freqtrade_mgmt.supervisor import hosting_start
from tests.freqtrade_mgmt.hosting.world import release_fake, tidied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis


@pytest.fixture
def hosting_home(
    db: None,
    redis_client: redis.Redis,
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """A home of its own with a release that is no freqtrade; strategies share."""
    program = tmp_path / "program"
    program.mkdir()
    (program / "main.py").write_text("# the interpreter runs another program\n")
    monkeypatch.setattr(hosting_start, "PROGRAM", program)
    settings.BTCW_HOME = tmp_path / "home"
    settings.BTCW_HOME.mkdir()
    settings.RUNNERS = True
    settings.SIMULATOR_URL = "http://127.0.0.1:1/api/v3"
    release_fake(tmp_path / "releases")
    with tidied(settings.BTCW_HOME):
        yield settings.BTCW_HOME
