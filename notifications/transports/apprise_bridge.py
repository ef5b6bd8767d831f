"""Apprise on a lead: its services send through our session and say what they heard.

Services of apprise call ``requests`` directly: without the channel's proxy, with a
time-out for a single read, following redirects anywhere, and they call a message sent
by its status alone. So their modules get ``Requests`` in its place. Services that do
not speak HTTP are bounded by apprise's own time limit.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import apprise
import requests
from apprise.utils.parse import parse_url

from btc_watcher.lib.errors import TransportError
from notifications.transports.secrets import masked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btc_watcher.lib.outgoing import OutgoingSession

PASSED_ON: Final = (
    "json",
    "data",
    "headers",
    "params",
    "auth",
    "files",
    "cookies",
    "verify",
)
TYPES: Final = {"P0": apprise.NotifyType.WARNING}
LOG: Final = logging.getLogger("apprise")


@dataclass(slots=True)
class Talk:
    """One delivery: the way out, and what was heard on it."""

    session: OutgoingSession
    responses: list[requests.Response] = field(default_factory=list)
    problems: list[TransportError] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    over: bool = False

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        """Send what a service wants to send."""
        if self.over:
            raise requests.ConnectionError("The delivery is over.")
        kept = {key: kwargs[key] for key in PASSED_ON if kwargs.get(key) is not None}
        try:
            response = self.session.call(method.upper(), url, **kept)
        except TransportError as error:
            self.problems.append(error)
            # What the services catch.
            raise requests.ConnectionError("There was no answer.") from None
        self.responses.append(response)
        return response


_talk: ContextVar[Talk | None] = ContextVar("talk", default=None)


class Requests:
    """Stands for the module ``requests`` inside of apprise's modules."""

    def __getattr__(self, name: str) -> Any:
        return getattr(requests, name)

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        """Send through the delivery at hand; without one nothing goes out."""
        talk = _talk.get()
        if talk is None:
            raise requests.ConnectionError("No delivery is at hand.")
        return talk.request(method, url, **kwargs)

    def get(self, url: str, params: Any = None, **kwargs: Any) -> requests.Response:
        """Stand for requests.get."""
        return self.request("GET", url, params=params, **kwargs)

    def post(
        self, url: str, data: Any = None, json: Any = None, **kwargs: Any
    ) -> requests.Response:
        """Stand for requests.post."""
        return self.request("POST", url, data=data, json=json, **kwargs)

    def put(self, url: str, data: Any = None, **kwargs: Any) -> requests.Response:
        """Stand for requests.put."""
        return self.request("PUT", url, data=data, **kwargs)

    def patch(self, url: str, data: Any = None, **kwargs: Any) -> requests.Response:
        """Stand for requests.patch."""
        return self.request("PATCH", url, data=data, **kwargs)

    def delete(self, url: str, **kwargs: Any) -> requests.Response:
        """Stand for requests.delete."""
        return self.request("DELETE", url, **kwargs)

    def head(self, url: str, **kwargs: Any) -> requests.Response:
        """Stand for requests.head."""
        return self.request("HEAD", url, **kwargs)


REQUESTS: Final = Requests()


class Ear(logging.Handler):
    """Keeps what apprise logs for the delivery that made it log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; those outside of a delivery are nobody's."""
        if talk := _talk.get():
            talk.logged.append(record.getMessage())


def log_capture() -> None:
    """Keep apprise's log away from ours: it holds addresses with tokens."""
    LOG.propagate = False
    LOG.setLevel(logging.WARNING)
    if not any(isinstance(each, Ear) for each in LOG.handlers):
        LOG.addHandler(Ear())


@contextlib.contextmanager
def talking(talk: Talk) -> Iterator[None]:
    """Be the delivery at hand, also in the threads that apprise starts for it."""
    token = _talk.set(talk)
    try:
        yield
    finally:
        # A thread that apprise has given up must not send after the outcome.
        talk.over = True
        _talk.reset(token)


def options_of(url: str) -> list[str]:
    """Return the names of the options of ``url``, read as apprise reads them."""
    # It parts options by semicolons as well, and does not know of fragments.
    parts = parse_url(url, verify_host=False) or {}  # type: ignore[no-untyped-call]
    return list(parts.get("qsd", ()))


def service_of(url: str, seconds: float) -> tuple[apprise.Apprise, apprise.NotifyBase]:
    """Return apprise with the one service that ``url`` names.

    Options of the address that would hide a failure or read files of this machine
    are refused. Raises a permanent TransportError.
    """
    asset = apprise.AppriseAsset(
        app_id="BTC Watcher",
        app_desc="BTC Watcher",
        app_url="",
        image_url_mask=None,
        service_timeout=seconds,
        async_mode=False,
        http_redirects=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY.value,
    )
    sender = apprise.Apprise(asset=asset)
    talk = _talk.get()
    added = sender.add(url)
    if len(sender) > 1:
        raise TransportError(
            "'url' holds more than one address. Make a channel for each.",
            permanent=True,
            disables=True,
        )
    if not added:
        told = masked("; ".join(talk.logged if talk else []), {"url": url})
        raise TransportError(
            "'url' is no address that apprise can use. Look the service up in apprise's"
            f" documentation. {told}".rstrip(),
            permanent=True,
            disables=True,
        )
    service: Any = sender[0]
    service.optional = False
    service.retry = 0
    service.redirects = False
    if "overflow=" not in url:
        service.overflow_mode = apprise.OverflowMode.TRUNCATE
    return sender, service


def speaks_http(service: apprise.NotifyBase) -> bool:
    """Tell whether a service sends by HTTP, so that a proxy can carry it."""
    return any(
        getattr(sys.modules.get(each.__module__), "requests", None) is REQUESTS
        for each in type(service).__mro__
    )


def notify(sender: apprise.Apprise, head: str, body: str, priority: str) -> bool | None:
    """Send; True when apprise calls it sent, None when it has given up waiting."""
    result = sender.notify(
        body=body,
        title=head,
        notify_type=TYPES.get(priority, apprise.NotifyType.INFO),
        body_format=apprise.NotifyFormat.TEXT,
        interpret_escapes=False,
    )
    if result.status == apprise.AppriseResultStatus.TIMEOUT:
        return None
    return bool(result)


def _put_requests() -> None:
    """Put ours in the place of requests in every service that apprise has loaded."""
    for name, module in list(sys.modules.items()):
        if (
            name.startswith("apprise.plugins.")
            and getattr(module, "requests", None) is requests
        ):
            module.requests = REQUESTS  # type: ignore[attr-defined]


def _load() -> None:
    """Have apprise load its services, which it does at the first address it sees."""
    with warnings.catch_warnings():
        # Its support of PGP looks for a module that Python calls deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        apprise.Apprise.instantiate("json://localhost")
    _put_requests()


log_capture()
_load()
