"""Pages of the admin; each part brings its own."""

from __future__ import annotations

from monitoring.errors import admin as errors
from monitoring.heartbeats import admin as heartbeats
from monitoring.metrics import admin as metrics
from monitoring.schedules import admin as schedules
from monitoring.watch import admin as watch

__all__ = ["errors", "heartbeats", "metrics", "schedules", "watch"]
