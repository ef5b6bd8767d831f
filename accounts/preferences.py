"""Languages, time zones, start page: between what users choose and what Django knows."""

from __future__ import annotations

import zoneinfo
from functools import cache
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_supported_language_variant

from accounts.display import Calls, Display, Start
from accounts.models import User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

REGIONS: Final = (
    "Africa/ America/ Antarctica/ Arctic/ Asia/ Atlantic/ Australia/ Europe/ Indian/"
    " Pacific/"
)


def django_language(language: str) -> str:
    """Return Django's code for a user's language: ``zh-CN`` gives ``zh-hans``."""
    try:
        return get_supported_language_variant(language)
    except LookupError:
        return settings.LANGUAGE_CODE


def user_language(code: str) -> str | None:
    """Return the user's language for Django's ``code``, or None when there is none."""
    for language in User.Language.values:
        if django_language(language) == code:
            return language
    return None


def zone_or_default(name: str) -> zoneinfo.ZoneInfo:
    """Return the time zone ``name``, or that of the settings when it is unknown."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo(settings.TIME_ZONE)


def start_address(user: User | AnonymousUser) -> str:
    """Return the address of the page that a person begins with."""
    if isinstance(user, User):
        start = Display.read(user.preferences).start
        if start == Start.LIVE:
            return settings.LOGIN_REDIRECT_URL
    return reverse("monitoring:dashboard")


def calls_of(user: User | AnonymousUser) -> Calls:
    """Return what a signal that arrives does in a browser without a choice of its own."""
    return Display.read(user.preferences if isinstance(user, User) else {}).calls


@cache
def zone_names() -> tuple[str, ...]:
    """Return the time zones that people choose from, UTC first."""
    regions = tuple(REGIONS.split())
    names = (n for n in zoneinfo.available_timezones() if n.startswith(regions))
    return ("UTC", *sorted(names))
