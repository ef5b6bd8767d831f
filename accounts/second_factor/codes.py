"""Codes, and what an app needs to make them. Pure but for randomness."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final

import pyotp
import segno

ISSUER: Final = "BTC Watcher"
PERIOD: Final = 30
# Codes of the period before and after this one are taken: clocks are never equal.
WINDOW: Final = 1
RECOVERY_CODES: Final = 10
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_GROUPS: Final = 4
_GROUP: Final = 4
_DIGITS: Final = re.compile(r"[0-9]{6}")


def secret_new() -> str:
    """Return 160 random bits in base32."""
    return pyotp.random_base32()


def address(secret: str, username: str) -> str:
    """Return the ``otpauth://`` address that apps read."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def picture(text: str) -> str:
    """Return ``text`` as a QR code in SVG, without styles or scripts.

    Dark on white in both themes: many cameras read no other.
    """
    made: str = segno.make(text, error="m").svg_inline(
        scale=5, border=4, dark="#000", light="#fff", omitsize=True
    )
    return made


def step_of(secret: str, code: str, *, now: float, after: int) -> int | None:
    """Return the period whose code ``code`` is, or None.

    ``now`` is in seconds since 1970. A period up to ``after`` counts no more: its code
    may have been seen by somebody.
    """
    digits = "".join(code.split())
    if not _DIGITS.fullmatch(digits):
        return None
    totp, current = pyotp.TOTP(secret), int(now // PERIOD)
    if after > current + WINDOW:
        # No code is taken so early: the clock was ahead then. To hold on to it would
        # refuse every code until it is there again.
        after = current - WINDOW - 1
    found = None
    for step in range(current - WINDOW, current + WINDOW + 1):
        # All of them are compared, so that the time tells nothing.
        if hmac.compare_digest(totp.at(step * PERIOD), digits) and step > after:
            found = step
    return found


def recovery_new() -> list[str]:
    """Return codes of 80 random bits, such as ``k3wd-9xqm-h4ty-zb2r``."""
    return [
        "-".join(
            "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP))
            for _ in range(_GROUPS)
        )
        for _ in range(RECOVERY_CODES)
    ]


def recovery_hash(code: str) -> str:
    """Return what is stored of a recovery code; blanks, dashes and case do not count."""
    plain = re.sub(r"[\s-]", "", code).lower()
    return hashlib.sha256(plain.encode()).hexdigest()
