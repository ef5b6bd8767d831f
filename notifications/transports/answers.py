"""Reading the answers of providers that speak HTTP."""

from __future__ import annotations

import contextlib
import math
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone

from btc_watcher.lib.errors import TransportError
from btc_watcher.lib.outgoing import OutgoingSession
from notifications.transports.secrets import DETAIL_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from btc_watcher.lib.addresses import Address
    from btc_watcher.lib.sockets import ProxyAddress

# Answers of providers are short; what is longer is a page of somebody else's.
LARGEST_ANSWER: Final = 256 * 1024
# Statuses below 500 that will change by themselves.
PASSING: Final = (408, 409, 423, 425, 429)
WAIT_HEADERS: Final = (
    "Retry-After",
    "x-ogw-ratelimit-reset",
    "X-RateLimit-Reset-After",
)


def session_open(
    proxy: ProxyAddress | None, allowed: Callable[[Address], bool] | None = None
) -> OutgoingSession:
    """Return a session for one delivery; use it in a ``with``."""
    return OutgoingSession(proxy=proxy, largest=LARGEST_ANSWER, allowed=allowed)


def words(response: requests.Response) -> str:
    """Return the beginning of the answer's body as text.

    It is longer than what the history keeps: a secret that were cut here could not be
    found and masked any more.
    """
    return response.content[: 4 * DETAIL_LENGTH].decode(errors="replace")


def object_of(response: requests.Response) -> dict[str, Any]:
    """Return the answer's JSON object; an empty one for any other body."""
    with contextlib.suppress(ValueError, RecursionError):
        body = response.json()
        if isinstance(body, dict):
            return body
    return {}


def wait_of(response: requests.Response) -> float | None:
    """Return the seconds that the provider asks us to wait, if it does."""
    for name in WAIT_HEADERS:
        told = response.headers.get(name, "").strip()
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            seconds = float(told) if told[:1].isdigit() else _until(told)
            if math.isfinite(seconds) and seconds >= 0:
                return seconds
    return None


def _until(moment: str) -> float:
    # A date without a zone is no HTTP date: the difference raises TypeError.
    left = (parsedate_to_datetime(moment) - timezone.now()).total_seconds()
    return max(left, 0.0)


def status_error(
    response: requests.Response, who: str, hint: str = ""
) -> TransportError:
    """Return the error that an HTTP status means when the body tells no more.

    Statuses from 200 to 299 with a body that is not the provider's leave the outcome
    unknown: it took the request and did not say what it did with it.
    """
    status = response.status_code
    fine = 200 <= status < 300
    said = "a body that is not its own" if fine else "no more than that"
    cause = f" {hint}" if hint else ""
    return TransportError(
        f"{who} answered {status} and {said}.{cause}",
        code=status,
        unknown=fine,
        permanent=300 <= status < 500 and status not in PASSING,
        retry_after=wait_of(response),
        body=words(response),
    )
