"""Moving the strategies from one release of freqtrade to another, and back."""

from __future__ import annotations
