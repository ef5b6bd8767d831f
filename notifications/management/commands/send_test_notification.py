"""Sends a test message through one channel and prints what the provider answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from btc_watcher.lib.errors import BtcWatcherError
from notifications.models import NotificationChannel
from notifications.services import channel_test

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    """``manage.py send_test_notification CHANNEL``; exits with 1 when it failed."""

    help = "Send a test message through a channel, named by its name or number."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the channel."""
        parser.add_argument("channel", help="name or number of the channel")

    def handle(self, *, channel: str, **options: Any) -> None:
        """Send and print the answer."""
        found = self.find(channel)
        try:
            result = channel_test(found)
        except BtcWatcherError as error:
            raise CommandError(error.message) from error
        if not result.ok:
            raise CommandError(
                f"Notification {result.notification_id} failed: {result.answer}"
                f"{_word_for_word(result.body)}"
            )
        self.stdout.write(
            f"Notification {result.notification_id} was sent through {found.name}:"
            f" {result.answer}{_word_for_word(result.body)}"
        )

    def find(self, text: str) -> NotificationChannel:
        """Return the one channel that ``text`` names."""
        wanted = Q(name=text)
        if text.isdecimal():
            wanted |= Q(id=int(text))
        channels = list(NotificationChannel.objects.filter(wanted)[:2])
        if len(channels) == 1:
            return channels[0]
        names = NotificationChannel.objects.values_list("id", "name")[:20]
        known = ", ".join(f"{number} {name!r}" for number, name in names) or "none yet"
        many = "More than one channel is" if channels else "No channel is"
        raise CommandError(f"{many} called {text!r}. Channels: {known}.")


def _word_for_word(body: str) -> str:
    return f"\nThe provider answered, word for word:\n{body}" if body else ""
