"""Sends a test message through one channel and prints what the provider answered."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.commands.base import PlainCommand
from btc_watcher.lib.commands.helping import Example
from notifications.models import NotificationChannel
from notifications.services import channel_test

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(PlainCommand):
    """``manage.py send_test_notification CHANNEL``; exits with 1 when it failed."""

    help = gettext_lazy(
        "Send a test message through a channel, named by its name or number."
    )
    examples = (
        Example(gettext_lazy("By its name"), 'send_test_notification "Demo mailbox"'),
        Example(
            gettext_lazy("By its number, for a program"),
            "send_test_notification 3 --json",
        ),
    )
    endings = {
        0: gettext_lazy("the provider says that it took the message"),
        1: gettext_lazy("it was not taken, or there is no such channel"),
    }

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the channel and --json."""
        parser.add_argument(
            "channel", metavar="CHANNEL", help=_("name or number of the channel")
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help=_("print one JSON object, also when it failed"),
        )

    def handle(self, *, channel: str, **options: Any) -> None:
        """Send and print the answer."""
        found = self.find(channel)
        result = channel_test(found)
        if options["json"]:
            self.tell_json(asdict(result))
        told = {"number": result.notification_id, "answer": result.answer}
        body = _word_for_word(result.body)
        if not result.ok:
            words = _("Notification %(number)s failed: %(answer)s")
            raise CommandError(words % told + body)
        if not options["json"]:
            words = _(
                "Notification %(number)s was sent through %(channel)s: %(answer)s"
            )
            self.tell(words % {**told, "channel": found.name} + body)

    def find(self, text: str) -> NotificationChannel:
        """Return the one channel that ``text`` names."""
        wanted = Q(name=text)
        if text.isdecimal():
            wanted |= Q(id=int(text))
        channels = list(NotificationChannel.objects.filter(wanted)[:2])
        if len(channels) == 1:
            return channels[0]
        names = NotificationChannel.objects.values_list("id", "name")[:20]
        known = ", ".join(f"{number} {name!r}" for number, name in names)
        words = (
            _("More than one channel is called %(name)r. Channels: %(known)s.")
            if channels
            else _("No channel is called %(name)r. Channels: %(known)s.")
        )
        raise CommandError(words % {"name": text, "known": known or _("none yet")})


def _word_for_word(body: str) -> str:
    words = _("The provider answered, word for word:")
    return f"\n{words}\n{body}" if body else ""
