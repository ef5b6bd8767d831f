"""What the image runs: one program by its name, after what it needs is there."""

from __future__ import annotations
