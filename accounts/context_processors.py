"""What base.html needs on every page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language, get_language_info

from accounts.display import Display, rise_of
from accounts.models import User
from accounts.navigation import HOME, navigation
from accounts.preferences import start_address
from accounts.roles import ADMINISTER

if TYPE_CHECKING:
    from django.http import HttpRequest


def page(request: HttpRequest) -> dict[str, Any]:
    """Return ``page``: home, here, nav, demo, in_profile, administers, only_reads,
    theme, rise, shortcuts and languages (code, name).

    ``nav`` is empty for people who are not logged in. ``here`` is where switching the
    language or the theme comes back to. ``theme`` is empty where the browser decides.
    """
    user = getattr(request, "user", None)
    person = user if isinstance(user, User) else None
    display = Display.read(person.preferences if person else {})
    own = tuple(map(reverse, ("accounts:settings", "accounts:profile")))
    return {
        "page": {
            "home": start_address(person) if person else HOME,
            "here": request.get_full_path()
            if request.method == "GET"
            else request.path,
            "nav": navigation(person, request.path) if person else [],
            "demo": settings.DEMO,
            "in_profile": request.path.startswith(own),
            "administers": person is not None and person.has_perm(ADMINISTER),
            "only_reads": person is not None and _only_reads(person),
            "theme": display.theme,
            "rise": rise_of(display, get_language() or settings.LANGUAGE_CODE),
            "shortcuts": display.shortcuts,
            "languages": [
                (code, get_language_info(code)["name_local"])
                for code, _name in settings.LANGUAGES
            ],
        }
    }


def _only_reads(user: User) -> bool:
    return all(".view_" in each for each in user.get_all_permissions())
