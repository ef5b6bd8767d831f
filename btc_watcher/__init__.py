"""Composition root: names the apps by string and wires them together."""

from __future__ import annotations

from btc_watcher.celery import app as celery_app

__all__ = ["celery_app"]
