"""The page that is opened first: what needs attention, and how everything is."""

from __future__ import annotations
