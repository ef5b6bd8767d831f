"""Signals to try rules and templates on. Who has them is named in the settings.

This app knows messages and never signals, and the apps above it are not imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from notifications.messages import Message


class Example(NamedTuple):
    """A signal as its message.

    ``quiet`` says why no channel is told of it at all, or is empty; ``url`` is its page.
    """

    message: Message
    moment: datetime
    strategy: str
    url: str
    quiet: str = ""


class Examples(Protocol):
    """Who has signals."""

    def newest(self, limit: int) -> Sequence[Example]:
        """Return the newest signals of the last month, newest first."""

    def one(self, identifier: UUID) -> Example | None:
        """Return one signal, or None when there is none of this id."""

    def strategies(self) -> Sequence[tuple[int, str]]:
        """Return the number and name of every strategy, by name."""


def examples() -> Examples:
    """Return who has signals."""
    return cast("Examples", import_string(settings.NOTIFICATION_EXAMPLES)())
