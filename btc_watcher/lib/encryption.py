"""AES-256-GCM for secrets at rest, with a key ring so that keys can be rotated.

A token reads ``v1:<key id>:<base64url of nonce and ciphertext>``. The identity
of the row is authenticated with it, so a token copied to another row or column
does not decrypt.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from functools import cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from btc_watcher.lib.errors import EncryptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "v1"
KEY_BYTES = 32
NONCE_BYTES = 12


class KeyRing:
    """The keys by their id; the first encrypts, all of them decrypt."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise EncryptionError(
                "There is no encryption key. Set BTCW_ENCRYPTION_KEYS to"
                " 'id:base64 of 32 random bytes'; make up writes one."
            )
        for key_id, key in keys.items():
            if len(key) != KEY_BYTES:
                raise EncryptionError(
                    f"Encryption key {key_id!r} has {len(key)} bytes; AES-256 needs 32."
                )
        self._keys = dict(keys)
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.primary = next(iter(keys))

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """Read ``id:base64,id:base64``; the first is the one that encrypts."""
        keys: dict[str, bytes] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            key_id, _, encoded = entry.partition(":")
            try:
                keys[key_id] = base64.urlsafe_b64decode(encoded)
            except (binascii.Error, ValueError) as error:
                raise EncryptionError(
                    f"Encryption key {key_id!r} is not URL-safe base64."
                    " Make one with: manage.py generate_key"
                ) from error
        return cls(keys)

    def encrypt(self, plain: str, identity: str) -> str:
        """Return a token for ``plain`` bound to ``identity`` (table:id:column)."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._ciphers[self.primary].encrypt(
            nonce, plain.encode(), identity.encode()
        )
        encoded = base64.urlsafe_b64encode(nonce + sealed).decode()
        return f"{VERSION}:{self.primary}:{encoded}"

    def decrypt(self, token: str, identity: str) -> str:
        """Return what was encrypted for ``identity``, or raise EncryptionError."""
        version, _, rest = token.partition(":")
        key_id, _, encoded = rest.partition(":")
        if version != VERSION or key_id not in self._ciphers:
            raise EncryptionError(
                f"The secret of {identity} was encrypted with key {key_id!r}, which is"
                " not in BTCW_ENCRYPTION_KEYS. Add that key back, or enter the secret"
                " again."
            )
        try:
            sealed = base64.urlsafe_b64decode(encoded)
            plain = self._ciphers[key_id].decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], identity.encode()
            )
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise EncryptionError(
                f"The secret of {identity} is damaged or belongs to another row."
                " Enter it again."
            ) from error
        return plain.decode()

    def derived(self, key_id: str, salt: bytes, purpose: bytes) -> bytes:
        """Return a key of 32 bytes for one ``purpose``, such as one file with its salt.

        Raises EncryptionError when the ring has no key of this id.
        """
        if key_id not in self._keys:
            raise EncryptionError(
                f"This was encrypted with key {key_id!r}, which is not in"
                " BTCW_ENCRYPTION_KEYS. Add that key back."
            )
        derivation = HKDF(hashes.SHA256(), KEY_BYTES, salt=salt, info=purpose)
        return derivation.derive(self._keys[key_id])

    def needs_rotation(self, token: str) -> bool:
        """Tell whether ``token`` was made with a key that is not the first."""
        return not token.startswith(f"{VERSION}:{self.primary}:")


def is_token(value: object) -> bool:
    """Tell whether ``value`` looks like a token of this module."""
    return isinstance(value, str) and value.startswith(f"{VERSION}:")


def generate_key() -> str:
    """Return 32 random bytes as URL-safe base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


@cache
def key_ring() -> KeyRing:
    """Return the ring of ``settings.ENCRYPTION_KEYS``."""
    return KeyRing.parse(settings.ENCRYPTION_KEYS)
