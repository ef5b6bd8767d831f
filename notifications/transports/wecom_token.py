"""WeCom's access tokens: one for an application, shared by all threads and processes."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from btc_watcher.lib.encryption import key_ring
from btc_watcher.lib.errors import EncryptionError
from notifications.cache import provider_token_get, provider_token_put

if TYPE_CHECKING:
    from collections.abc import Callable

# A token is not used in the last minutes of its two hours.
MARGIN: Final = 300.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a token belongs to; another secret means another token."""

    base: str
    corpid: str
    secret: str = field(repr=False)

    @property
    def key(self) -> str:
        """A name for the token that tells nothing about the secret."""
        parts = "\n".join((self.base, self.corpid, self.secret))
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


_known: dict[str, tuple[str, float]] = {}
_locks: dict[str, threading.Lock] = {}


def token_get(keys: Credentials, fetch: Callable[[], tuple[str, float]]) -> str:
    """Return the token at hand; else of Redis; else ask WeCom with ``fetch``.

    ``fetch`` returns a token and the seconds of its life. Only one thread of a
    process asks for the same one, because WeCom counts how often it is asked.
    """
    with _lock(keys):
        token, ends = _known.get(keys.key, ("", 0.0))
        if token and time.monotonic() < ends:
            return token
        token, seconds = _shared(keys)
        if not token:
            token, seconds = fetch()
            seconds -= MARGIN
            if seconds > 0:
                sealed = key_ring().encrypt(token, _identity(keys))
                provider_token_put(keys.key, sealed, int(seconds))
        _known[keys.key] = (token, time.monotonic() + seconds)
        return token


def token_forget(keys: Credentials) -> None:
    """Forget a token that WeCom does not take any more."""
    with _lock(keys):
        _known.pop(keys.key, None)
        provider_token_put(keys.key, "", 1)


def _lock(keys: Credentials) -> threading.Lock:
    # One operation of the interpreter: two threads get the same lock.
    return _locks.setdefault(keys.key, threading.Lock())


def _shared(keys: Credentials) -> tuple[str, float]:
    sealed, seconds = provider_token_get(keys.key)
    if not sealed:
        return "", 0.0
    try:
        return key_ring().decrypt(sealed, _identity(keys)), seconds
    except EncryptionError:
        # Made with a key that is gone: a new one is a request away.
        return "", 0.0


def _identity(keys: Credentials) -> str:
    return f"provider_token:{keys.key}"
