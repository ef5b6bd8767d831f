"""Work that people ask for and wait for: a backup, a trial, a rotation."""

from __future__ import annotations
