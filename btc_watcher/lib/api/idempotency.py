"""``Idempotency-Key``: a POST that is sent again is answered again, and not done again.

The answer is kept in Redis for a day, by user, address and key. Only what was done is
kept: a request that was refused has changed nothing, and may be mended and sent with
the same key. A Redis that is flushed forgets the keys.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ValidationError

from btc_watcher.lib import redis_keys
from btc_watcher.lib.redis_client import RedisError, redis_connection

if TYPE_CHECKING:
    from rest_framework.request import Request

logger = logging.getLogger(__name__)

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
LONGEST_KEY: Final = 200
# Written only while the claim is still the one that is being worked on.
STORE: Final = """
local held = redis.call('GET', KEYS[1])
if held and cjson.decode(held)['claim'] == ARGV[1] then
    if ARGV[2] == '' then redis.call('DEL', KEYS[1])
    else redis.call('SET', KEYS[1], ARGV[2], 'EX', tonumber(ARGV[3])) end
    return 1
end
return 0
"""


class KeyReusedError(APIException):
    """The key came before with another body."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY


class UnderWayError(APIException):
    """The first request with this key has not been answered yet."""

    status_code = HTTPStatus.CONFLICT
    wait = 1


class KeysAwayError(APIException):
    """Redis does not answer, so nobody can promise that this is done once."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    wait = 5


@dataclass(frozen=True, slots=True)
class Stored:
    """What the first request was answered with."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a key; its answer, or nothing, is written in the end."""

    key: str
    fingerprint: str
    token: str

    def keep(self, status: int, body: str) -> None:
        """Keep the answer for a day."""
        values = {"fingerprint": self.fingerprint, "status": status, "body": body}
        self._write(json.dumps(values))

    def release(self) -> None:
        """Forget the key: what was asked for was not done."""
        self._write("")

    def _write(self, values: str) -> None:
        try:
            redis_connection().eval(
                STORE, 1, self.key, self.token, values, redis_keys.IDEMPOTENCY_TTL
            )
        except RedisError as error:
            logger.warning(
                "An answer was not kept for its key: Redis failed (%s).",
                type(error).__name__,
            )


def claim(request: Request) -> Claim | Stored | None:
    """Return the claim of a request with a key, or the answer that the key has.

    None without a key. Raises KeyReusedError, UnderWayError, KeysAwayError, or
    ValidationError for what is no key.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return None
    if not 1 <= len(given) <= LONGEST_KEY or not given.isprintable():
        raise ValidationError(
            _("Idempotency-Key must be 1 to %(longest)d printable characters.")
            % {"longest": LONGEST_KEY}
        )
    who = getattr(request.user, "pk", None) or "nobody"
    place = _digest(f"{request.method} {request.path} {given}".encode())
    mine = Claim(
        redis_keys.idempotency(f"{who}:{place}"),
        _fingerprint(request),
        secrets.token_hex(8),
    )
    return _claimed(mine)


def _claimed(mine: Claim) -> Claim | Stored:
    held = json.dumps({"fingerprint": mine.fingerprint, "claim": mine.token})
    try:
        redis = redis_connection()
        if redis.set(mine.key, held, nx=True, ex=redis_keys.IDEMPOTENCY_CLAIM_TTL):
            return mine
        found: Any = redis.get(mine.key)
    except RedisError as error:
        logger.warning(
            "A key could not be looked up: Redis failed (%s).", type(error).__name__
        )
        raise KeysAwayError(
            _(
                "Redis is away, so it cannot be promised that this is done only once."
                " Nothing was done. Try again, or send it without Idempotency-Key."
            )
        ) from None
    values = json.loads(found) if found else {}
    if values and values["fingerprint"] != mine.fingerprint:
        raise KeyReusedError(
            _(
                "This Idempotency-Key came before with another body."
                " Nothing was done. Use a new key for a new request."
            )
        )
    if "status" not in values:
        raise UnderWayError(
            _(
                "The first request with this Idempotency-Key is still being worked on."
                " Ask again with the same key in a moment."
            )
        )
    return Stored(values["status"], values["body"])


def _fingerprint(request: Request) -> str:
    """Return what tells bodies apart; with our key, for they may hold passwords."""
    # The bytes, before anybody reads them as a stream: DRF has no other way to them.
    body = request._request.body  # noqa: SLF001
    sent = request.META.get("QUERY_STRING", "").encode() + b"\n" + body
    return salted_hmac("api.idempotency", sent, algorithm="sha256").hexdigest()


def _digest(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()
