"""A message of each kind, to show what a channel's templates make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from notifications.digests import Group, Held, digest_message
from notifications.examples import examples
from notifications.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from notifications.examples import Example

DIGESTED: Final = 5


def sample(
    kind: str, language: str, zone: ZoneInfo, newest: Sequence[Example], now: datetime
) -> Message | None:
    """Return a message of ``kind`` in ``language``; None where it needs a signal.

    ``newest`` are real signals; alerts and system messages are made up, in the words
    that real ones have.
    """
    if kind == "signal":
        return newest[0].message if newest else None
    with override(language):
        if kind == "digest":
            return _digest(newest, zone)
        if kind == "alert":
            return _alert(now)
        return Message(
            "system",
            "P1",
            _("Test of channel %(name)s") % {"name": "…"},
            _("If you can read this, the channel works."),
        )


def newest_signals() -> Sequence[Example]:
    """Return the signals that samples are made of."""
    return examples().newest(DIGESTED)


def _alert(now: datetime) -> Message:
    return Message(
        "alert",
        "P0",
        _("Exchange %(name)s does not answer") % {"name": "binance"},
        _("Since %(since)s.")
        % {"since": f"{timezone.localtime(now):%Y-%m-%d %H:%M %Z}"},
        context={
            "alert": "exchange:binance",
            "alert_state": "raised",
            "exchange": "binance",
            "since": now.isoformat(),
            "told_count": 0,
        },
    )


def _digest(newest: Sequence[Example], zone: ZoneInfo) -> Message | None:
    if not newest:
        return None
    members = tuple(
        Held(
            id=number,
            sent_at=each.moment,
            signal_id=each.message.signal_id,
            message_type="signal",
            priority=each.message.priority,
            title=each.message.title,
            queued_at=each.moment,
            why="digest",
            due=True,
            alone=False,
            context=each.message.context,
        )
        for number, each in enumerate(newest, start=1)
    )
    return digest_message(Group(members[0].priority, "digest", members), zone)
