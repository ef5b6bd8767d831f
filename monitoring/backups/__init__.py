"""Backups that prove themselves: made whole, restored on trial, told when they are not."""

from __future__ import annotations
