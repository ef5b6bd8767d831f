"""Files sealed with AES-256-GCM, read and written as streams of any length.

A sealed file is a header (magic, key id, salt) and chunks of one MiB, each with its own
tag. Every file has a key of its own, derived from the key ring by the salt, so the
number of a chunk can be its nonce: a chunk that was moved, left out or repeated does
not open. The last chunk carries a mark in its nonce: a file that was cut off does not
open either, not even between two chunks.
"""

from __future__ import annotations

import secrets
from typing import IO, TYPE_CHECKING, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from monitoring.backups.shapes import DamagedBackupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btc_watcher.lib.encryption import KeyRing

MAGIC: Final = b"BTCWSEAL\x01"
PURPOSE: Final = b"btc_watcher backup file"
CHUNK: Final = 1 << 20
TAG_BYTES: Final = 16
SALT_BYTES: Final = 32
# The number of the chunk and the mark of the last one fill the nonce of 12 bytes.
NUMBER_BYTES: Final = 11


class Sink(Protocol):
    """What sealed bytes are written to."""

    def write(self, data: bytes, /) -> int:
        """Take all of ``data``."""


class SealingWriter:
    """Takes plain bytes and hands sealed ones on; ``close`` writes the last chunk."""

    def __init__(self, target: Sink, ring: KeyRing) -> None:
        """Write the header to ``target``; the first key of ``ring`` seals."""
        key_id = ring.primary.encode()
        salt = secrets.token_bytes(SALT_BYTES)
        self._target = target
        self._header = MAGIC + bytes([len(key_id)]) + key_id + salt
        self._cipher = AESGCM(ring.derived(ring.primary, salt, PURPOSE))
        self._rest = bytearray()
        self._number = 0
        target.write(self._header)

    def write(self, data: bytes) -> None:
        """Seal what fills chunks; the rest waits, because it may be the last."""
        self._rest += data
        # A full chunk waits too: only what follows tells that it is not the last.
        while len(self._rest) > CHUNK:
            self._seal(bytes(self._rest[:CHUNK]), last=False)
            del self._rest[:CHUNK]

    def close(self) -> None:
        """Seal what is left as the last chunk; the target stays open."""
        self._seal(bytes(self._rest), last=True)
        self._rest.clear()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        nonce = _nonce(self._number, last=last)
        self._target.write(self._cipher.encrypt(nonce, plain, self._header))
        self._number += 1


def unsealed(source: IO[bytes], ring: KeyRing) -> Iterator[bytes]:
    """Yield the plain bytes of ``source``, each piece after its tag was checked.

    Raises DamagedBackupError for anything that was not written so, and EncryptionError
    when the key is not in ``ring``. What was yielded before is true and in its place.
    """
    header, key_id, salt = _header(source)
    cipher = AESGCM(ring.derived(key_id, salt, PURPOSE))
    piece = source.read(CHUNK + TAG_BYTES)
    number = 0
    while True:
        following = source.read(CHUNK + TAG_BYTES)
        nonce = _nonce(number, last=not following)
        try:
            yield cipher.decrypt(nonce, piece, header)
        except (InvalidTag, ValueError) as error:
            raise DamagedBackupError(
                f"The encrypted backup is damaged or cut off at {number} MiB: it cannot"
                " be opened from there on. Use another backup."
            ) from error
        if not following:
            return
        piece = following
        number += 1


def _header(source: IO[bytes]) -> tuple[bytes, str, bytes]:
    start = source.read(len(MAGIC) + 1)
    if len(start) != len(MAGIC) + 1 or not start.startswith(MAGIC):
        raise DamagedBackupError(
            "The encrypted backup does not begin as one. It is damaged; use another."
        )
    key_id = source.read(start[-1])
    salt = source.read(SALT_BYTES)
    return start + key_id + salt, key_id.decode(errors="replace"), salt


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(NUMBER_BYTES, "big") + bytes([last])
