"""Reading channels and the history. Every query of the history is bounded by time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse

from accounts.models import User
from accounts.preferences import django_language
from notifications.messages import facts_of
from notifications.models import (
    Alert,
    Notification,
    NotificationChannel,
    NotificationSilence,
)
from notifications.receivers import Person
from notifications.routing import Silence
from proxies.ranking import policy_read
from proxies.selectors import routes_of
from proxies.uses import ProxyUse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID


def channels_enabled() -> list[NotificationChannel]:
    """Return the channels that are switched on, most important first."""
    return list(NotificationChannel.objects.filter(enabled=True))


def proxy_uses(proxy_ids: Collection[int]) -> list[ProxyUse]:
    """Return which channels go through some of the proxies, or would if all were well.

    A channel that goes another way for now uses both: its own, and the other ``via``.
    """
    rows = NotificationChannel.objects.filter(config__has_key="proxy")
    named = [(row, _number(row.config.get("proxy"))) for row in rows]
    channels = [(row, number) for row, number in named if number is not None]
    routes = routes_of(
        (number, policy_read(row.config.get("proxy_policy")))
        for row, number in channels
    )
    found = []
    for (row, number), route in zip(channels, routes, strict=True):
        now = route.proxy.pk if route.proxy else number
        for each, via in {number: False, now: now != number}.items():
            if each in proxy_ids:
                url = reverse("notifications:channel", args=[row.pk])
                found.append(ProxyUse(each, "channel", row.pk, row.name, url, via=via))
    return found


def notifications_of_signal(
    signal_id: UUID, *, since: datetime
) -> Sequence[Notification]:
    """Return the notifications about one signal that were made since ``since``."""
    return list(
        Notification.objects.select_related("channel")
        .filter(signal_id=signal_id, sent_at__gte=since)
        .order_by("sent_at", "id")
    )


def persons_of(channels: Iterable[NotificationChannel]) -> dict[int, Person]:
    """Return the users whom ``channels`` name, by their id; no query without any."""
    wanted = {
        user
        for channel in channels
        if isinstance(user := channel.config.get("user"), int)
    }
    if not wanted:
        return {}
    return {
        user.pk: Person(django_language(user.language), user.timezone, user.preferences)
        for user in User.objects.filter(pk__in=wanted)
    }


def silences_active(now: datetime) -> list[Silence]:
    """Return the silences that are on at ``now``."""
    rows = NotificationSilence.objects.filter(starts_at__lte=now, ends_at__gt=now)
    return [
        Silence.read(number, matcher, reason)
        for number, matcher, reason in rows.values_list("id", "matcher", "reason")
    ]


def silences_current(now: datetime) -> Sequence[NotificationSilence]:
    """Return the silences that are on or will be, the first to end first."""
    return list(NotificationSilence.objects.filter(ends_at__gt=now).order_by("ends_at"))


def alert_keys_open() -> frozenset[str]:
    """Return the keys of everything that is wrong."""
    return frozenset(
        Alert.objects.filter(resolved_at=None).values_list("key", flat=True)
    )


def alerts_open(*, having: str) -> dict[str, dict[str, Any]]:
    """Return the contexts of the open alerts that have the key ``having``, by key.

    They are as they were given: without the words.
    """
    rows = Alert.objects.filter(resolved_at=None, context__has_key=having)
    found = rows.order_by("id").values_list("key", "context")
    return {key: facts_of(context) for key, context in found}


def alerts_newest(*, since: datetime, limit: int = 100) -> Sequence[Alert]:
    """Return what is wrong or was since ``since``: open ones first, newest first."""
    open_ones = list(Alert.objects.filter(resolved_at=None)[:limit])
    resolved = Alert.objects.filter(resolved_at__gte=since).order_by("-resolved_at")
    return open_ones + list(resolved[: limit - len(open_ones)])


def _number(value: object) -> int | None:
    return (
        int(value) if isinstance(value, int | str) and str(value).isdecimal() else None
    )
