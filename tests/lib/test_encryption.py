"""Secrets at rest."""

from __future__ import annotations

import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btc_watcher.lib.encryption import (
    KeyRing,
    generate_key,
    is_token,
    key_ring,
)
from btc_watcher.lib.errors import EncryptionError

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
WHERE = "proxies:7:password_encrypted"


@given(st.text())
def test_every_text_comes_back(text: str) -> None:
    ring = KeyRing({"k1": OLD})
    assert ring.decrypt(ring.encrypt(text, WHERE), WHERE) == text


def test_the_same_secret_never_looks_the_same() -> None:
    ring = KeyRing({"k1": OLD})
    tokens = {ring.encrypt("pass", WHERE) for _ in range(50)}
    assert len(tokens) == 50
    assert all("pass" not in token and is_token(token) for token in tokens)


def test_a_token_copied_to_another_row_or_column_does_not_decrypt() -> None:
    ring = KeyRing({"k1": OLD})
    token = ring.encrypt("pass", WHERE)
    for elsewhere in ("proxies:8:password_encrypted", "proxies:7:host", ""):
        with pytest.raises(EncryptionError, match="another row"):
            ring.decrypt(token, elsewhere)


def test_after_a_rotation_old_tokens_decrypt_and_new_ones_use_the_new_key() -> None:
    token = KeyRing({"k1": OLD}).encrypt("pass", WHERE)
    ring = KeyRing({"k2": NEW, "k1": OLD})
    assert ring.decrypt(token, WHERE) == "pass"
    assert ring.needs_rotation(token)
    again = ring.encrypt("pass", WHERE)
    assert again.startswith("v1:k2:")
    assert not ring.needs_rotation(again)
    with pytest.raises(EncryptionError, match="'k2'"):
        KeyRing({"k1": OLD}).decrypt(again, WHERE)


def test_another_key_under_the_same_id_does_not_decrypt() -> None:
    token = KeyRing({"k1": OLD}).encrypt("pass", WHERE)
    with pytest.raises(EncryptionError) as told:
        KeyRing({"k1": NEW}).decrypt(token, WHERE)
    assert WHERE in told.value.message


def test_a_damaged_token_is_refused_wherever_it_is_damaged() -> None:
    ring = KeyRing({"k1": OLD})
    token = ring.encrypt("pass", WHERE)
    sealed = bytearray(base64.urlsafe_b64decode(token.rpartition(":")[2]))
    for position in range(len(sealed)):
        broken = bytearray(sealed)
        broken[position] ^= 1
        text = base64.urlsafe_b64encode(bytes(broken)).decode()
        with pytest.raises(EncryptionError, match="damaged"):
            ring.decrypt(f"v1:k1:{text}", WHERE)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "v1",
        "v1:",
        "v1:k1",
        "v1:k1:",
        "v1:k1:AAAA",
        "v1:k1:%%%",
        "v1:k1:\u00e9",
        "v2:k1:AAAA",
        "pass",
    ],
)
def test_what_is_no_token_is_refused_with_a_sentence(token: str) -> None:
    with pytest.raises(EncryptionError, match=r"\.$"):
        KeyRing({"k1": OLD}).decrypt(token, WHERE)


def test_errors_never_hold_the_secret_or_the_key() -> None:
    ring = KeyRing({"k1": OLD})
    token = ring.encrypt("my-pass", WHERE)
    with pytest.raises(EncryptionError) as told:
        KeyRing({"k1": NEW}).decrypt(token, WHERE)
    assert "my-pass" not in told.value.message
    assert token not in told.value.message


def test_a_ring_is_read_from_the_settings_text() -> None:
    first, second = generate_key(), generate_key()
    ring = KeyRing.parse(f" k2:{second} , k1:{first},")
    assert ring.primary == "k2"
    assert ring.decrypt(KeyRing.parse(f"k1:{first}").encrypt("x", WHERE), WHERE) == "x"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no encryption key"),
        (" , ", "no encryption key"),
        ("k1:" + base64.urlsafe_b64encode(b"short").decode(), "5 bytes"),
        ("k1:no base64", "'k1'"),
        ("k1", "'k1'"),
    ],
)
def test_a_ring_that_cannot_work_says_why(text: str, told: str) -> None:
    with pytest.raises(EncryptionError, match=told):
        KeyRing.parse(text)


def test_a_generated_key_is_new_each_time_and_fits() -> None:
    keys = {generate_key() for _ in range(10)}
    assert len(keys) == 10
    assert {len(base64.urlsafe_b64decode(key)) for key in keys} == {32}


def test_the_ring_of_the_settings_works() -> None:
    ring = key_ring()
    assert ring.decrypt(ring.encrypt("x", WHERE), WHERE) == "x"
    assert key_ring() is ring
