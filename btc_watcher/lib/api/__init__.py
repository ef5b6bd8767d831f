"""What every address below /api/v1/ has in common: limits, tags, pages, descriptions."""

from __future__ import annotations
