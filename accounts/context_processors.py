"""What base.html needs on every page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from accounts.roles import ADMINISTER

if TYPE_CHECKING:
    from django.http import HttpRequest

HOME: Final = "/"


def page(request: HttpRequest) -> dict[str, Any]:
    """Return ``page``: home, here, nav, demo, in_profile, administers, only_reads and
    languages (code, name).

    ``nav`` is a list of objects with label, url and active; it is empty for people
    who are not logged in. ``here`` is where switching the language comes back to.
    """
    profile = reverse("accounts:profile")
    return {
        "page": {
            "home": HOME,
            "here": request.get_full_path()
            if request.method == "GET"
            else request.path,
            "nav": _navigation(request),
            "demo": settings.DEMO,
            "in_profile": request.path.startswith(profile),
            "administers": _administers(request),
            "only_reads": _only_reads(request),
            "languages": [
                (code, get_language_info(code)["name_local"])
                for code, _name in settings.LANGUAGES
            ],
        }
    }


def _administers(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return user is not None and bool(user.has_perm(ADMINISTER))


def _only_reads(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return False
    return all(".view_" in each for each in user.get_all_permissions())


def _navigation(request: HttpRequest) -> list[dict[str, Any]]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return []
    entries = [
        (reverse("monitoring:dashboard"), _("Dashboard")),
        (HOME, _("Live signals")),
        (reverse("strategies:list"), _("Strategies")),
        (reverse("freqtrade_mgmt:charts"), _("Charts")),
        (reverse("signals_app:outcomes"), _("Outcomes")),
        (reverse("notifications:history"), _("Notifications")),
        (reverse("freqtrade_mgmt:versions"), "freqtrade"),
        (reverse("proxies:list"), _("Proxies")),
        # Staff find the database, partitions, backups and errors there too.
        (
            reverse("monitoring:system"),
            _("Operations") if user.is_staff else _("System"),
        ),
    ]
    if settings.DEMO:
        entries.append((reverse("notifications:inbox"), _("Inbox")))
    if user.is_staff:
        entries.append((reverse("admin:index"), _("Admin")))
    active = _active(request.path, [url for url, _label in entries])
    return [
        {"url": url, "label": label, "active": url == active} for url, label in entries
    ]


def _active(path: str, urls: list[str]) -> str | None:
    """Return the entry that ``path`` belongs to: the longest that it starts with."""
    if path.startswith("/signals/"):
        return HOME
    if path.startswith("/audit/"):
        return reverse("monitoring:system")
    fitting = [
        url for url in urls if path == url or (url != HOME and path.startswith(url))
    ]
    return max(fitting, key=len, default=None)
