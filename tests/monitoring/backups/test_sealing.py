"""Sealed files open only as they were written: whole, in order, with the right key."""

from __future__ import annotations

import io
import secrets

import pytest

from btc_watcher.lib.encryption import KeyRing
from btc_watcher.lib.errors import EncryptionError
from monitoring.backups.sealing import CHUNK, TAG_BYTES, SealingWriter, unsealed
from monitoring.backups.shapes import DamagedBackupError

RING = KeyRing({"k1": b"1" * 32, "old": b"0" * 32})
HEADER = 9 + 1 + 2 + 32
SEALED_CHUNK = CHUNK + TAG_BYTES


def sealed(plain: bytes, ring: KeyRing = RING, piece: int = 300_001) -> bytes:
    target = io.BytesIO()
    writer = SealingWriter(target, ring)
    for start in range(0, len(plain), piece):
        writer.write(plain[start : start + piece])
    writer.close()
    return target.getvalue()


def opened(data: bytes, ring: KeyRing = RING) -> bytes:
    return b"".join(unsealed(io.BytesIO(data), ring))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_is_sealed_opens_again(size: int) -> None:
    plain = secrets.token_bytes(size)
    data = sealed(plain)
    assert opened(data) == plain
    # Few bytes are found anywhere by chance.
    assert size < 50 or plain[:50] not in data


def test_the_same_bytes_are_never_sealed_alike() -> None:
    assert sealed(b"x" * 100) != sealed(b"x" * 100)


@pytest.mark.parametrize("position", [0, 9, 10, 12, 43, 44, 500, CHUNK, -1, -17])
def test_one_flipped_bit_is_noticed(position: int) -> None:
    data = bytearray(sealed(secrets.token_bytes(2 * CHUNK + 5)))
    data[position] ^= 1
    with pytest.raises((DamagedBackupError, EncryptionError)):
        opened(bytes(data))


@pytest.mark.parametrize(
    "length",
    [0, 5, HEADER - 1, HEADER, HEADER + 8, HEADER + SEALED_CHUNK, HEADER + 2 * CHUNK],
)
def test_a_file_that_was_cut_off_is_noticed(length: int) -> None:
    data = sealed(secrets.token_bytes(3 * CHUNK))
    with pytest.raises(DamagedBackupError):
        opened(data[:length])


def test_chunks_that_were_exchanged_or_left_out_or_repeated_are_noticed() -> None:
    data = sealed(secrets.token_bytes(3 * CHUNK))
    header, body = data[:HEADER], data[HEADER:]
    one, two, three = (
        body[n * SEALED_CHUNK : (n + 1) * SEALED_CHUNK] for n in range(3)
    )
    for chunks in ([two, one, three], [one, three], [one, one, two, three], [one, two]):
        with pytest.raises(DamagedBackupError):
            opened(header + b"".join(chunks))
    with pytest.raises(DamagedBackupError):
        opened(data + b"more")


def test_chunks_of_another_file_do_not_fit() -> None:
    first, second = sealed(b"a" * 3 * CHUNK), sealed(b"b" * 3 * CHUNK)
    mixed = first[: HEADER + SEALED_CHUNK] + second[HEADER + SEALED_CHUNK :]
    with pytest.raises(DamagedBackupError):
        opened(mixed)


def test_an_older_key_of_the_ring_opens_and_a_missing_one_is_named() -> None:
    data = sealed(b"rows", KeyRing({"old": b"0" * 32}))
    assert opened(data) == b"rows"
    with pytest.raises(EncryptionError, match="'old'"):
        opened(data, KeyRing({"k1": b"1" * 32}))


def test_what_was_opened_before_the_damage_is_true() -> None:
    plain = secrets.token_bytes(2 * CHUNK + 9)
    data = bytearray(sealed(plain))
    data[-1] ^= 1
    pieces = unsealed(io.BytesIO(bytes(data)), RING)
    assert next(pieces) + next(pieces) == plain[: 2 * CHUNK]
    with pytest.raises(DamagedBackupError):
        next(pieces)
