"""Signs of life in a test: of whom, how old, and who is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from monitoring.heartbeats.store import Identity, beat_write
from monitoring.models import ProcessHeartbeat
from notifications.services import channel_create
from tests.notifications.factories import AT_ONCE, NO_LIMITS
from tests.notifications.fakes.http import Answer, HttpFake, Received

if TYPE_CHECKING:
    from tests.notifications.fakes import SmtpFake

STEADY = 1000.0


def aged(seconds: float, **which: str) -> None:
    """Move rows into the past."""
    with connection.cursor() as cursor:
        for each in ProcessHeartbeat.objects.filter(**which):
            cursor.execute(
                "UPDATE process_heartbeats SET seen_at = seen_at - %s * interval '1 s',"
                " stopped_at = stopped_at - %s * interval '1 s' WHERE id = %s",
                [seconds, seconds, each.pk],
            )


def beating(*roles: str) -> None:
    for number, role in enumerate(roles):
        beat_write(Identity("a", role, role, number + 1, 5.0), {})


def mail_channel(smtp: SmtpFake) -> None:
    """Make a channel to the fake mail server."""
    channel_create(
        name="mail",
        type="email",
        config={
            "host": "127.0.0.1",
            "port": smtp.port,
            "security": "none",
            "from": "watcher@example.org",
            "to": ["a@example.org"],
            "language": "en",
            **AT_ONCE,
        },
        rate_limit_config=NO_LIMITS,
    )


class PingFake(HttpFake):
    """A service that listens for pings."""

    answer = 200

    def reply(self, request: Received) -> Answer:
        return self.answer, b"OK"
