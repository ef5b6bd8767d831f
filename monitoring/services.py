"""Upkeep of the database."""

from __future__ import annotations

from monitoring.partitions.retention import Retained, retention_apply
from monitoring.partitions.rotation import (
    TableRotation,
    months_kept,
    partitions_rotate,
)

__all__ = [
    "Retained",
    "TableRotation",
    "months_kept",
    "partitions_rotate",
    "retention_apply",
]
