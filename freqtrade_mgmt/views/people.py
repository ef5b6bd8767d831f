"""Who may use the editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied

from accounts.models import User
from accounts.permissions import needs

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse


def editors_only(
    view: Callable[..., HttpResponse],
) -> Callable[..., HttpResponse]:
    """Let a view in for people who may change strategies; others get 403 or the login."""
    return needs("strategies.change_strategy")(view)


def person(request: HttpRequest) -> User:
    """Return the user; the decorators have seen to it that there is one."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
