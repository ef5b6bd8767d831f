"""Tokens and what is kept of them. Pure."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

TOKEN_BYTES: Final = 32
# Browser logins carry it before the hash, so that the secret of one kind never
# serves as the other.
BROWSER_PREFIX: Final = "browser:"


def token_new() -> str:
    """Return 256 random bits as URL-safe text."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def api_hash(token: str) -> str:
    """Return what is stored of an API token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def browser_hash(token: str) -> str:
    """Return what is stored of a browser login."""
    return BROWSER_PREFIX + api_hash(token)
