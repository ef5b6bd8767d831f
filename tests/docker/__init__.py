"""The image, its entry point, and the files that start containers of it."""

from __future__ import annotations
