"""Whoever has just changed something sees it: they are read to from the primary.

A browser is told so by a cookie, which no server has to remember; a program with a
token, which keeps no cookies, by a key in Redis. Both live a little longer than a
replica may be behind.
"""

from __future__ import annotations

import hashlib
import logging
import math
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed

from btc_watcher.lib import replica
from btc_watcher.lib.redis_client import RedisError, redis_connection
from btc_watcher.lib.redis_keys import replica_fresh

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

logger = logging.getLogger(__name__)

COOKIE: Final = "btcw_fresh"
SAFE: Final = ("GET", "HEAD", "OPTIONS", "TRACE")
# The standing of a replica is asked once a second, and answers take their time.
MARGIN_SECONDS: Final = 5


class OwnWritesMiddleware:
    """Notes who writes, and keeps them from a replica for as long as it may be behind."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Without a replica there is nothing to do."""
        if not replica.configured():
            raise MiddlewareNotUsed
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Answer the request."""
        if self._is_async:
            return self._answer(request)
        with replica.own_writes_seen(lambda: has_written(request)):
            response = self._get_response(request)
        return _noted(request, response)

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        with replica.own_writes_seen(lambda: has_written(request)):
            response = await self._get_response(request)
        if request.method in SAFE:
            return response  # type: ignore[no-any-return]
        return await sync_to_async(_noted)(request, response)


def has_written(request: HttpRequest) -> bool:
    """Tell whether this request is, or lately another of its sender was, a change."""
    if request.method not in SAFE or COOKIE in request.COOKIES:
        return True
    key = _key(request)
    if key is None:
        return False
    try:
        return bool(redis_connection().exists(key))
    except RedisError:
        # Nobody knows, so the primary answers.
        return True


def seconds() -> int:
    """Return for how long a writer is kept from the replica."""
    most: float = settings.DATABASE_REPLICA_MAX_LAG
    return math.ceil(most) + MARGIN_SECONDS


def _noted(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if request.method in SAFE:
        return response
    response.set_cookie(
        COOKIE,
        "1",
        max_age=seconds(),
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    if key := _key(request):
        try:
            redis_connection().set(key, b"1", ex=seconds())
        except RedisError as error:
            logger.debug("A writer was not noted (%s).", type(error).__name__)
    return response


def _key(request: HttpRequest) -> str | None:
    """Return the key of a program's token; None for a browser."""
    sent = request.headers.get("Authorization", "")
    if not sent:
        return None
    return replica_fresh(hashlib.sha256(sent.encode()).hexdigest()[:32])
