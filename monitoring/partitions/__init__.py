"""Months of partitioned tables: rotation, retention, what there is, export."""

from __future__ import annotations
