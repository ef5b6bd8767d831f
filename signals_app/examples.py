"""Signals for the app of notifications, to try channels' rules and templates on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils import timezone

from notifications.examples import Example
from signals_app.messages import signal_messages
from signals_app.selectors import signal_by_id, signals_newest
from signals_app.shapes import signal_shape
from signals_app.words import QUIET
from strategies.selectors import strategies_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from signals_app.models import Signal


class SignalExamples:
    """Stored signals; settings.NOTIFICATION_EXAMPLES names this class."""

    def newest(self, limit: int) -> Sequence[Example]:
        """Return the newest signals of the last month, newest first."""
        return _examples(signals_newest(limit, timezone.now()))

    def one(self, identifier: UUID) -> Example | None:
        """Return one signal, or None when there is none of this id."""
        signal = signal_by_id(identifier)
        return _examples([signal])[0] if signal else None

    def strategies(self) -> Sequence[tuple[int, str]]:
        """Return the number and name of every strategy, by name."""
        return list(strategies_all().order_by("name").values_list("id", "name"))


def _examples(signals: Sequence[Signal]) -> list[Example]:
    messages = signal_messages([signal_shape(signal) for signal in signals])
    return [
        Example(
            message=message,
            moment=signal.timestamp,
            strategy=signal.strategy_name,
            url=reverse("signals_app:detail", args=[signal.pk]),
            quiet=str(QUIET.get(signal.metadata.get("quiet", ""), "")),
        )
        for signal, message in zip(signals, messages, strict=True)
    ]
