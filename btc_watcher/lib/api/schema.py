"""``/api/v1/schema/``: what there is, as OpenAPI 3; and the page to try it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.shortcuts import render
from django.utils.translation import override
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.types import OpenApiTypes
from rest_framework.permissions import AllowAny
from rest_framework.response import Response

from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from rest_framework.request import Request


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A token of a person's profile, or of /api/v1/auth/token/."""

    target_class = "accounts.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe it."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "Made in a person's profile or by POST /api/v1/auth/token/;"
            " it may have the scopes read, write and operate.",
        }


class PageScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The login of a page."""

    target_class = "accounts.authentication.PageSessionAuthentication"
    name = "page"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe it."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The login of a page; changes need its CSRF token as well.",
        }


@cache
def schema() -> dict[str, Any]:
    """Return the description of the whole API. It is the same for everybody."""
    generator: Any = SchemaGenerator
    with override("en"):
        found: dict[str, Any] = generator().get_schema(request=None, public=True)
    return found


class SchemaView(ApiView):
    """``/api/v1/schema/``."""

    permission_classes = [AllowAny]

    @operation(
        OpenApiTypes.OBJECT,
        tag="schema",
        name="schema_get",
        summary="Get this description",
        anybody=True,
    )
    def get(self, request: Request) -> Response:
        """Return the description of the API as OpenAPI 3, in JSON."""
        return Response(schema())


def try_page(request: HttpRequest) -> HttpResponse:
    """Show the page on which the API is read and tried."""
    return render(request, "api.html")
