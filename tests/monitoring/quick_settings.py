"""Settings of the test suite for real processes whose deaths are to be seen soon."""

from __future__ import annotations

from tests.settings import *  # noqa: F403

HEARTBEATS = {"every": 0.5, "dead_after": 5.0, "absent_after": 10.0, "steady_for": 6.0}
