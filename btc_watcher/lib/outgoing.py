"""The one way out: an HTTP session with time-outs, an optional proxy and no redirects."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from btc_watcher.lib.errors import TransportError

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 15.0
USER_AGENT = "btc-watcher/1"


class OutgoingSession(requests.Session):
    """A session that never waits for ever and names only the host in its errors.

    ``proxy`` is a whole proxy URL. Environment proxies are ignored: where
    traffic goes is decided by configuration, never by accident.
    """

    def __init__(self, *, proxy: str | None = None) -> None:
        super().__init__()
        self.trust_env = False
        self.headers["User-Agent"] = USER_AGENT
        self.mount("https://", HTTPAdapter(max_retries=0))
        self.mount("http://", HTTPAdapter(max_retries=0))
        if proxy:
            self.proxies = {"http": proxy, "https": proxy}

    def call(
        self,
        method: str,
        url: str,
        *,
        json: object = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        """Send one request and return whatever the other side answered.

        Raises TransportError (temporary) when there was no answer. The message
        holds the host but not the path, where providers put their tokens.
        """
        host = urlsplit(url).hostname or "?"
        try:
            return self.request(
                method,
                url,
                json=json,
                headers=headers,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
            )
        # "from None": the original message holds the whole address.
        except requests.Timeout:
            raise TransportError(
                f"{host} did not answer within {READ_TIMEOUT:.0f} seconds."
            ) from None
        except requests.RequestException as error:
            raise TransportError(
                f"No connection to {host}: {type(error).__name__}."
                " Check the network and the channel's proxy."
            ) from None
