"""The one-command system: embedded servers, the processes of ``make up``, and its state."""

from __future__ import annotations
