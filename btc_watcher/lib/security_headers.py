"""A strict content security policy for every answer."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import DisallowedHost

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

HEADER: Final = "Content-Security-Policy"
POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " connect-src 'self'"
)
PERMISSIONS: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def policy(request: HttpRequest) -> str:
    """Return the policy for ``request``: everything from here, and nothing inline.

    Older browsers do not count WebSockets as 'self', so the host is named for them.
    """
    try:
        host = request.get_host()
    except DisallowedHost:
        return POLICY
    return f"{POLICY} {'wss' if request.is_secure() else 'ws'}://{host}"


class SecurityHeadersMiddleware:
    """Adds the headers; goes first, so that answers of other middleware get them too."""

    sync_capable = True
    async_capable = True

    def __init__(
        self,
        get_response: Callable[[HttpRequest], HttpResponseBase]
        | Callable[[HttpRequest], Awaitable[HttpResponseBase]],
    ) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(
        self, request: HttpRequest
    ) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Pass on and add the headers to what comes back."""
        answer = self.get_response(request)
        if isinstance(answer, Awaitable):
            return self._later(request, answer)
        return _with_headers(request, answer)

    async def _later(
        self, request: HttpRequest, answer: Awaitable[HttpResponseBase]
    ) -> HttpResponseBase:
        return _with_headers(request, await answer)


def _with_headers(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault(HEADER, policy(request))
    response.headers.setdefault("Permissions-Policy", PERMISSIONS)
    return response
