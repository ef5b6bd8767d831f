"""Writing signals: the intake, and what was delivered."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from btc_watcher.lib.partitions import SIGNALS, months_ensure
from django.db import connection, transaction
from django.utils import timezone
from notifications.dispatch import messages_send

from signals_app import feed
from signals_app.candidates import candidate_problem
from signals_app.identity import moment_of
from signals_app.messages import signal_message
from signals_app.rows import rows_build
from signals_app.statements import rows_insert, streaks_select

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from signals_app.candidates import Candidate
    from signals_app.rows import Row

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Intake:
    """What became of candidates: ``answers`` has one entry each, in their order.

    An answer is ``(id, "created")``, ``(id, "duplicate")`` or ``(None, why)``.
    """

    answers: list[tuple[UUID | None, str]] = field(default_factory=list)
    created: int = 0

    @property
    def refused(self) -> list[str]:
        """The sentences about refused candidates."""
        return [why for identifier, why in self.answers if identifier is None]


def signals_record(
    candidates: Sequence[Candidate], *, now: datetime | None = None
) -> Intake:
    """Store what is new, with its notifications, in one transaction; then publish.

    A candidate that cannot be stored refuses only itself. Recording the same
    candidates again, here or in another process, changes nothing.
    """
    now = now or timezone.now()
    problems = [candidate_problem(candidate, now) for candidate in candidates]
    accepted = sorted(
        (c for c, problem in zip(candidates, problems, strict=True) if not problem),
        key=lambda candidate: candidate.timestamp,
    )
    created = _store(accepted, now) if accepted else set()
    return _answers(candidates, problems, created)


def _store(candidates: Sequence[Candidate], now: datetime) -> set[UUID]:
    # Before the transaction: a month's partition is committed on its own, so
    # that nobody waits for its lock.
    months_ensure(SIGNALS, {c.timestamp.date().replace(day=1) for c in candidates})
    streaks = streaks_select(candidates)
    rows = rows_build(candidates, streaks, now)
    with transaction.atomic():
        created = rows_insert(rows)
        fresh = [row for row in rows if row.identifier in created]
        events = [row.event() for row in fresh]
        queued = messages_send(
            [
                signal_message(row.identifier, event)
                for row, event in zip(fresh, events, strict=True)
                if not row.quiet
            ]
        )
        transaction.on_commit(lambda: feed.publish(_frames(fresh, events, queued)))
    return created


def _frames(
    rows: Sequence[Row], events: Sequence[dict[str, Any]], queued: int
) -> list[dict[str, Any]]:
    waiting = "pending" if queued else "none"
    return [
        {
            "type": "signal",
            "signal": event | {"notice": "quiet" if row.quiet else waiting},
        }
        for row, event in zip(rows, events, strict=True)
    ]


def _answers(
    candidates: Sequence[Candidate], problems: Sequence[str], created: set[UUID]
) -> Intake:
    intake = Intake(created=len(created))
    unanswered = set(created)
    for candidate, problem in zip(candidates, problems, strict=True):
        if problem:
            intake.answers.append((None, problem))
            continue
        identifier = candidate.identifier()
        word = "created" if identifier in unanswered else "duplicate"
        # The second of two equal candidates in one call is a duplicate too.
        unanswered.discard(identifier)
        intake.answers.append((identifier, word))
    return intake


def signals_delivery_record(
    *, signal_id: UUID, channel_name: str, sent_at: datetime
) -> None:
    """Note on a signal that a channel delivered it; called by the notifications app."""
    moment = moment_of(signal_id)
    if moment is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE signals SET notification_sent = true,"
            " notification_time = coalesce(notification_time, %(sent_at)s),"
            " notification_channels = CASE"
            " WHEN %(channel)s = ANY (notification_channels)"
            " THEN notification_channels"
            " ELSE array_append(notification_channels, %(channel)s) END"
            " WHERE id = %(id)s AND timestamp = %(timestamp)s",
            {
                "id": signal_id,
                "timestamp": moment,
                "channel": channel_name,
                "sent_at": sent_at,
            },
        )
    event = {
        "type": "delivered",
        "id": str(signal_id),
        "channel": channel_name,
        "time": sent_at.isoformat().replace("+00:00", "Z"),
    }
    transaction.on_commit(lambda: feed.publish([event]))
