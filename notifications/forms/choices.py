"""What the forms offer to choose from, read once for a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from notifications.examples import examples
from notifications.models import NotificationChannel
from proxies.models import Proxy
from proxies.words import choice_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Pairs = Sequence[tuple[str, str]]

TYPES: Final = (
    ("BUY", gettext_lazy("buy")),
    ("SELL", gettext_lazy("sell")),
    ("HOLD", gettext_lazy("hold")),
)
LEVELS: Final = (
    ("strong", gettext_lazy("strong")),
    ("medium", gettext_lazy("medium")),
    ("weak", gettext_lazy("weak")),
)
TIMEFRAMES: Final = (
    *("1m", "3m", "5m", "15m", "30m"),
    *("1h", "2h", "4h", "6h", "8h", "12h"),
    *("1d", "3d", "1w"),
)


@dataclass(frozen=True, slots=True)
class Choices:
    """Numbers (as text) and names of strategies, channels, proxies and users."""

    strategies: Pairs
    channels: Pairs
    proxies: Pairs
    users: Pairs

    @classmethod
    def read(cls) -> Choices:
        """Read all of them from the database."""
        channels = NotificationChannel.objects.order_by("name")
        proxies = Proxy.objects.order_by("name")
        users = User.objects.filter(is_active=True).order_by("username")
        return cls(
            strategies=_texts(examples().strategies()),
            channels=_texts(channels.values_list("id", "name")),
            proxies=_texts((proxy.pk, choice_words(proxy)) for proxy in proxies),
            users=_texts(users.values_list("id", "username")),
        )

    @classmethod
    def for_silences(cls) -> Choices:
        """Read what a silence may name."""
        channels = NotificationChannel.objects.order_by("name")
        return cls(
            strategies=_texts(examples().strategies()),
            channels=_texts(channels.values_list("id", "name")),
            proxies=(),
            users=(),
        )


def with_stored(pairs: Pairs, stored: Iterable[object]) -> list[tuple[str, str]]:
    """Return ``pairs`` with what is stored and no longer there, so that it stays."""
    known = {value for value, _label in pairs}
    gone = [str(each) for each in stored if str(each) not in known]
    return [
        *pairs,
        *((each, _("number %(number)s (gone)") % {"number": each}) for each in gone),
    ]


def _texts(rows: Iterable[tuple[int, str]]) -> list[tuple[str, str]]:
    return [(str(number), name) for number, name in rows]
