"""What base.html needs on every page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import get_language_info

if TYPE_CHECKING:
    from django.http import HttpRequest


def page(request: HttpRequest) -> dict[str, Any]:
    """Return ``page``: home, here, nav, demo, languages [(code, own name)], in_profile."""
    home = reverse(settings.LOGIN_REDIRECT_URL) if False else "/"
    return {"page": {"home": home}}
