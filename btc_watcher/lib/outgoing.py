"""The one way out: an HTTP session with time-outs, an optional proxy and no redirects."""

from __future__ import annotations

import io
import logging
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.contrib.socks import SOCKSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from btc_watcher.lib.addresses import literal_check
from btc_watcher.lib.causes import TIMEOUT, cause_of
from btc_watcher.lib.errors import TransportError
from btc_watcher.lib.sockets import (
    SCHEMES,
    Exchange,
    ProxyAddress,
    WatchedConnection,
    WatchedSocksConnection,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from urllib3 import HTTPConnectionPool

    from btc_watcher.lib.addresses import Address

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 15.0
# For one request from the first byte out to the last byte in.
TOTAL_TIMEOUT = 20.0
# For all requests of one session.
SESSION_SECONDS = 50.0
LARGEST_BODY: Final = 8 * 1024 * 1024
CHUNK: Final = 64 * 1024
USER_AGENT = "btc-watcher/1"
# They write whole addresses, where providers put their tokens. A filter outlives a
# new configuration of logging, a level does not.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(lambda record: record.levelno > logging.WARNING)


class Request(TypedDict, total=False):
    """What a request may carry, as requests names it."""

    json: object
    data: Any
    headers: Mapping[str, str]
    params: Any
    auth: Any
    files: Any
    cookies: Any
    verify: bool


class OutgoingSession(requests.Session):
    """A session that never waits for ever and names only the host in its errors.

    ``proxy`` is a whole proxy URL or a ProxyAddress. Environment proxies are
    ignored: where traffic goes is decided by configuration, never by accident.
    ``seconds`` bounds all calls together, ``patience`` replaces the usual times for
    one call and each of its parts, ``largest`` is the longest body in bytes,
    ``allowed`` says to which addresses a connection may go.
    """

    def __init__(
        self,
        *,
        proxy: str | ProxyAddress | None = None,
        seconds: float | None = None,
        patience: float | None = None,
        largest: int = LARGEST_BODY,
        allowed: Callable[[Address], bool] | None = None,
    ) -> None:
        super().__init__()
        self.trust_env = False
        self.headers["User-Agent"] = USER_AGENT
        self.mount("https://", WatchedAdapter(max_retries=0))
        self.mount("http://", WatchedAdapter(max_retries=0))
        self._ends = time.monotonic() + (seconds or SESSION_SECONDS)
        self._patience = patience
        self._largest = largest
        self._allowed = allowed
        if proxy:
            url = proxy if isinstance(proxy, str) else proxy_url(proxy)
            # Both keys: a scheme without one would go direct in silence.
            self.proxies = {"http": url, "https": url}

    def call(
        self, method: str, url: str, **request: Unpack[Request]
    ) -> requests.Response:
        """Send one request and return whatever the other side answered, read whole.

        Raises TransportError (temporary) when there was no answer, or only a part of
        one; ``unknown`` tells that the request was out by then. The message holds
        the host but not the path, where providers put their tokens.
        """
        host = _host(url)
        if self._allowed:
            literal_check(_host_asked(url), self._allowed)
        left = self._ends - time.monotonic()
        seconds = min(self._patience or TOTAL_TIMEOUT, left)
        if seconds <= 0:
            message = f"There was no time left to ask {host}."
            raise TransportError(message, cause=TIMEOUT)
        exchange = Exchange(self._allowed)
        told: list[requests.Response] = []
        try:
            with exchange.bounded(seconds):
                told.append(self._ask(method, url, seconds, request))
                body = self._body(told[0], host)
                # A body without a length ends like a whole one when it is cut.
                exchange.still_in_time()
        # "from None": the original message holds the whole address.
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            status = told[0].status_code if told else None
            raise _no_answer(error, host, exchange, status, seconds) from None
        told[0].raw = io.BytesIO(body)
        return told[0]

    def _ask(
        self, method: str, url: str, seconds: float, request: Request
    ) -> requests.Response:
        extra: dict[str, Any] = dict(request)
        return self.request(
            method,
            url,
            timeout=(
                min(self._patience or CONNECT_TIMEOUT, seconds),
                min(self._patience or READ_TIMEOUT, seconds),
            ),
            allow_redirects=False,
            stream=True,
            **extra,
        )

    def _body(self, response: requests.Response, host: str) -> bytes:
        kept = bytearray()
        with response:
            for chunk in response.raw.stream(CHUNK, decode_content=True):
                kept += chunk
                if len(kept) > self._largest:
                    raise TransportError(
                        f"{host} answered {response.status_code} with more than"
                        f" {self._largest} bytes, which is no answer to this request.",
                        code=response.status_code,
                        unknown=response.ok,
                    )
        return bytes(kept)


class WatchedAdapter(HTTPAdapter):
    """requests' adapter, whose connections tell the exchange about themselves."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        _watch_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Make the pools of connections through one proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        _watch_pools(manager)
        return manager


def _watch_pools(manager: Any) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _watched(pool)
        for scheme, pool in manager.pool_classes_by_scheme.items()
    }


@cache
def _watched(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    plain = pool.ConnectionCls
    # A manager is made ready anew for every request that it serves.
    if issubclass(plain, WatchedConnection):
        return pool
    socks = issubclass(plain, SOCKSConnection)
    mixin = WatchedSocksConnection if socks else WatchedConnection
    connection = type(plain.__name__, (mixin, plain), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


def _no_answer(
    error: Exception, host: str, exchange: Exchange, status: int | None, seconds: float
) -> TransportError:
    """Return the TransportError for a request that had no whole answer."""
    cause = TIMEOUT if exchange.overdue else cause_of(error)
    if not exchange.sent:
        # An address or a header that cannot be sent will never be.
        return TransportError(
            f"No connection to {host}: {type(error).__name__}."
            " Check the network and the channel's proxy.",
            permanent=isinstance(error, ValueError),
            cause=cause,
        )
    waited = seconds if exchange.overdue else min(READ_TIMEOUT, seconds)
    if exchange.overdue or isinstance(error, requests.Timeout | TimeoutError):
        problem = f"{host} did not answer within {waited:.0f} seconds."
    else:
        problem = f"{host} ended the connection before its answer was complete."
    # A refusal is a refusal, even when its words were lost.
    unknown = status is None or 200 <= status < 300
    return TransportError(problem, unknown=unknown, code=status, cause=cause)


def proxy_url(proxy: ProxyAddress) -> str:
    """Return a proxy as requests wants it: whole, so never to be shown."""
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    login = ""
    if proxy.username:
        name, password = (quote(x, safe="") for x in (proxy.username, proxy.password))
        login = f"{name}:{password}@"
    return f"{SCHEMES[proxy.kind]}://{login}{host}:{proxy.port}"


def address_shown(url: str) -> str:
    """Return of an address what may be shown: no login, no path, no query."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "?"
    return f"{parts.scheme}://{parts.hostname or '?'}{port}"


def _host_asked(url: str) -> str:
    """Return the host as requests reads it, which is not always as urlsplit does."""
    prepared = requests.PreparedRequest()
    try:
        prepared.prepare_url(url, None)
        return (parse_url(str(prepared.url)).host or "").strip("[]")
    except ValueError:
        # Nothing will be sent to it.
        return ""


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "?"
    except ValueError:
        return "?"
