"""Where the cure of an alert is: a page, and what its link says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from collections.abc import Mapping

OF_ONE: Final = re.compile(r"(strategy|channel):(\d{1,9})(:.*)?")


def place_of(key: str, *, staff: bool) -> tuple[str, str]:
    """Return address and words of the page that helps with the alert ``key``."""
    if found := OF_ONE.fullmatch(key):
        kind, number = found[1], int(found[2])
        if kind == "strategy":
            return reverse("strategies:detail", args=[number]), _("To the strategy")
        return reverse("notifications:channel", args=[number]), _("To the channel")
    kind = key.partition(":")[0]
    if kind in ("database", "backup") and staff:
        return _of_staff(kind)
    places = {
        "proxy": (reverse("proxies:list"), _("To the proxies")),
        "exchange": (_strategies(), _("To the strategies")),
        "supervisor": (reverse("monitoring:system"), _("To the system")),
        "process": (reverse("monitoring:system"), _("To the system")),
        "redis": (reverse("monitoring:system"), _("To the system")),
        "machine": (reverse("monitoring:system"), _("To the system")),
        "work": (waiting_url(), _("To what waits")),
    }
    return places.get(kind, (reverse("notifications:alerts"), _("To the alerts")))


def covers_of(key: str, context: Mapping[str, Any]) -> frozenset[str]:
    """Return the troubles that an alert tells of."""
    found = OF_ONE.fullmatch(key)
    own = f"{found[1]}:{found[2]}" if found else key
    ids = context.get("strategy_ids")
    named = ids if isinstance(ids, list) else []
    return frozenset({own, *(f"strategy:{number}" for number in named)})


def waiting_url() -> str:
    """Return the address of the notifications that wait."""
    return f"{reverse('notifications:history')}?state=waiting"


def _of_staff(kind: str) -> tuple[str, str]:
    if kind == "backup":
        return reverse("monitoring:backups"), _("To the backups")
    return reverse("monitoring:database"), _("To the database")


def _strategies() -> str:
    return f"{reverse('strategies:list')}?state=attention"
