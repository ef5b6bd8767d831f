"""Asking a package index for the releases of freqtrade, as JSON (PEP 691)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from btc_watcher.lib.causes import AUTHENTICATION
from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.outgoing import OutgoingSession, address_shown
from freqtrade_mgmt.releases import (
    PACKAGE,
    Release,
    releases_in_listing,
    releases_merged,
    version_files,
)

if TYPE_CHECKING:
    from datetime import datetime

    from requests import Response

    from freqtrade_mgmt.pip_settings import PipSettings

_JSON: Final = "application/vnd.pypi.simple.v1+json"
# Dependencies published shortly after a release still fit it.
_GRACE: Final = timedelta(days=7)
_REDIRECTS: Final = 3
_SECONDS: Final = 20.0
_WEB: Final = ("http://", "https://")
PROXY_LOGIN: Final = 407
_NO_LOGIN: Final = "The proxy did not accept the user name or the password. Correct them, and ask again."


@dataclass(frozen=True)
class IndexAnswer:
    """The releases that were found, and what was wrong where none was; no secrets."""

    releases: tuple[Release, ...] = ()
    problem: str = ""


class _ListingError(Exception):
    """An index gave no list; the text is a sentence without secrets."""


def releases_fetch(
    settings: PipSettings, *, proxy: str | None = None, seconds: float = _SECONDS
) -> IndexAnswer:
    """Return the releases that the configured indexes list together."""
    found: list[Release] = []
    problems: list[str] = []
    with _session(settings, proxy, seconds) as session:
        for base in _indexes(settings):
            try:
                address, listing = _listing(session, base)
                found += releases_in_listing(listing, address)
            except _ListingError as error:
                problems.append(str(error))
    return IndexAnswer(tuple(releases_merged(found)), " ".join(problems))


def published_before(
    version: str, settings: PipSettings, *, proxy: str | None = None
) -> datetime | None:
    """Return the moment until which packages fit ``version``, from the index.

    None when no index tells (a mirror without dates, or none at all).
    """
    moments: list[datetime] = []
    with _session(settings, proxy, _SECONDS) as session:
        for base in _indexes(settings):
            try:
                _address, listing = _listing(session, base)
            except _ListingError:
                continue
            files = version_files(listing).get(version, [])
            moments += [file.uploaded for file in files if file.uploaded]
    return max(moments) + _GRACE if moments else None


def _indexes(settings: PipSettings) -> list[str]:
    main = settings.index_url or settings.default_index
    bases = [] if settings.no_index else [main, *settings.extra_index_urls]
    return [base for base in bases if base and base.startswith(_WEB)]


def _session(
    settings: PipSettings, proxy: str | None, seconds: float
) -> OutgoingSession:
    session = OutgoingSession(proxy=proxy, seconds=seconds)
    if settings.cert:
        session.verify = settings.cert
    return session


def _listing(session: OutgoingSession, base: str) -> tuple[str, dict[str, Any]]:
    """Return the address and the content of an index's page about freqtrade."""
    address = f"{base.rstrip('/')}/{PACKAGE}/"
    shown = address_shown(address)
    try:
        answer = _asked(session, address)
    except BtcWatcherError as error:
        refused = getattr(error, "cause", "") == AUTHENTICATION
        told = _NO_LOGIN if refused else _told(error.message)
        raise _ListingError(told) from None
    if answer.status_code != 200:
        raise _ListingError(_refusal(shown, answer.status_code))
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("files"), list):
        raise _ListingError(f"The package index {shown} lists no releases as JSON.")
    return answer.url or address, content


def _asked(session: OutgoingSession, address: str) -> Response:
    headers = {"Accept": _JSON}
    answer = session.call("GET", address, headers=headers)
    for _ in range(_REDIRECTS):
        location = answer.headers.get("Location")
        if not answer.is_redirect or not location:
            break
        # As browsers do it: the login stays with the host that it is for.
        target = urljoin(address, location)
        if _login(address) and _host(target) == _host(address):
            target = _with_login(target, _login(address))
        address = target
        if not address.startswith(_WEB):
            break
        answer = session.call("GET", address, headers=headers)
    answer.url = address
    return answer


def _refusal(shown: str, status: int) -> str:
    if status == PROXY_LOGIN:
        return _NO_LOGIN
    if status in {401, 403}:
        return (
            f"The package index {shown} does not accept our login ({status}). Correct the"
            " user name and password in pip's index settings (pip config list)."
        )
    return f"The package index {shown} answered {status}."


def _told(message: str) -> str:
    return message.replace("the channel's proxy", "the proxy")


def _host(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.hostname}:{parts.port}"


def _login(address: str) -> str:
    return urlsplit(address).netloc.rpartition("@")[0]


def _with_login(address: str, login: str) -> str:
    parts = urlsplit(address)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{login}@{place}").geturl()
