"""The soak test: everything on, faults at random, and an oracle that knows every mark."""

from __future__ import annotations
