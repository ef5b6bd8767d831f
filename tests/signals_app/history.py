"""What the tests of the history have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone


def ago(minutes: float = 30, **changes: Any) -> dict[str, Any]:
    """Return the fields of a signal that closed so long ago, and ``changes``."""
    moment = timezone.now().replace(second=0, microsecond=0)
    return {"timestamp": moment - timedelta(minutes=minutes), **changes}
