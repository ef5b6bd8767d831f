"""Alerts about PostgreSQL, Redis and the disk: raised when it lasts, resolved when over."""

from __future__ import annotations
