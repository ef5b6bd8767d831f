"""The main navigation: where one can go, and where one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.roles import ADMINISTER

if TYPE_CHECKING:
    from accounts.models import User

HOME: Final = "/"


@dataclass(frozen=True, slots=True)
class Link:
    """An address with its words; ``active`` when the page that is open belongs to it."""

    label: str
    url: str
    active: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Links behind one button; ``active`` when one of them is."""

    label: str
    links: tuple[Link, ...]

    @property
    def active(self) -> bool:
        """Tell whether the page that is open is in this group."""
        return any(link.active for link in self.links)


def navigation(user: User, path: str) -> list[Link | Group]:
    """Return what ``user`` may go to, with the entry marked that ``path`` belongs to."""
    everyday = [
        (_("Dashboard"), reverse("monitoring:dashboard")),
        (_("Live signals"), HOME),
        (_("History"), reverse("signals_app:history")),
        (_("Outcomes"), reverse("signals_app:outcomes")),
        (_("Strategies"), reverse("strategies:list")),
        (_("Charts"), reverse("freqtrade_mgmt:charts")),
        (_("Notifications"), reverse("notifications:history")),
    ]
    system = _system(user)
    here = _active(path, [url for _label, url in everyday + system])
    links = [Link(label, url, url == here) for label, url in everyday + system]
    group = Group(_("System"), tuple(links[len(everyday) :]))
    return [*links[: len(everyday)], group]


def _system(user: User) -> list[tuple[str, str]]:
    """Return what is about the system itself; staff and administrators have more."""
    of_staff = [
        (_("Database"), reverse("monitoring:database")),
        (_("Partitions"), reverse("monitoring:partitions")),
        (_("Backups"), reverse("monitoring:backups")),
    ]
    entries = [
        (pgettext("navigation", "Status"), reverse("monitoring:system")),
        *(of_staff if user.is_staff else ()),
        ("freqtrade", reverse("freqtrade_mgmt:versions")),
        (_("Proxies"), reverse("proxies:list")),
    ]
    if user.has_perm(ADMINISTER):
        entries.append((_("Audit"), reverse("accounts:audit")))
    if user.is_staff:
        entries.append((_("Admin"), reverse("admin:index")))
    if settings.DEMO:
        entries.append((_("Inbox"), reverse("notifications:inbox")))
    entries.append((_("Try the API"), reverse("api-try")))
    entries.append((_("Documentation"), reverse("docs")))
    return entries


def _active(path: str, urls: list[str]) -> str | None:
    """Return the entry that ``path`` belongs to: the longest that it starts with."""
    fitting = [
        url for url in urls if path == url or (url != HOME and path.startswith(url))
    ]
    return max(fitting, key=len, default=None)
