"""Settings of web servers under test: those of the tests, with static files."""

from __future__ import annotations

from btc_watcher.settings import MIDDLEWARE as PRODUCT_MIDDLEWARE
from tests.settings import *  # noqa: F403

MIDDLEWARE = PRODUCT_MIDDLEWARE
# Straight from the apps: a server under test needs no collectstatic.
SERVESTATIC_USE_FINDERS = True
