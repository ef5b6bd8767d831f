"""Takes secrets out of lines before anybody sees them."""

from __future__ import annotations

from btc_watcher.lib.redaction import HIDDEN, SHORTEST, Redactor, secrets_of

__all__ = ["HIDDEN", "SHORTEST", "Redactor", "secrets_of"]
