"""Fixtures of freqtrade_mgmt: a real freqtrade that is kept between runs."""

from __future__ import annotations

import pytest

from btc_watcher.env import BASE_DIR
from freqtrade_mgmt.installer import InstalledFreqtrade, freqtrade_install


@pytest.fixture(scope="session")
def real_freqtrade() -> InstalledFreqtrade:
    """The newest freqtrade from PyPI, installed once into ``var/test-freqtrade``.

    The installer's own lock makes workers of pytest-xdist wait for the first one. The
    first time takes about half a minute, so tests that use it need a time-out of 600 s.
    """
    return freqtrade_install(None, BASE_DIR / "var" / "test-freqtrade", print)
