"""What the pages of accounts share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import PermissionDenied
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from accounts.roles import EXPLAINED, NAMES, OPERATE, role_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

TABS: Final = (
    ("settings", _("Settings")),
    ("security", _("Security")),
    ("tokens", _("API tokens")),
)
OF_OPERATORS: Final = (("settings_system", pgettext_lazy("settings", "Installation")),)


def person(request: HttpRequest) -> User:
    """Return the user; the view's rule has seen to it that there is one."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def page(
    request: HttpRequest, tab: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render the page ``tab`` of the person's own pages, under their name and role."""
    user = person(request)
    role = role_of(user)
    shared = {
        "tabs": (*TABS, *(OF_OPERATORS if user.has_perm(OPERATE) else ())),
        "tab": tab,
        "role": NAMES[role],
        "role_explained": EXPLAINED[role],
    }
    return render(request, f"accounts/{tab}.html", shared | context, status=status)
