"""Writing signals: the intake, and what was delivered."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.partitions import SIGNALS, PartitionError, months_ensure
from notifications.dispatch import messages_send
from signals_app import feed
from signals_app.candidates import candidate_problem
from signals_app.identity import moment_of
from signals_app.messages import signal_messages
from signals_app.rows import rows_build
from signals_app.shapes import notice_shape
from signals_app.statements import (
    COPY_ROWS,
    rows_copy,
    rows_insert,
    rows_known,
    streaks_select,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from notifications.messages import Message
    from signals_app.candidates import Candidate
    from signals_app.rows import Row

logger = logging.getLogger(__name__)

# Months whose partition this process has seen. One that is dropped later is one that
# nobody wants; a late row of it goes to the safety net.
_months_known: set[date] = set()


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


class Fresh(NamedTuple):
    """A signal that is stored now, and what is said of it; no message where it is quiet."""

    row: Row
    event: dict[str, Any]
    message: Message | None


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
    created, unstorable = _store_each_possible(accepted, now)
    problems = [
        problem or unstorable.get(candidate.identifier, "")
        for candidate, problem in zip(candidates, problems, strict=True)
    ]
    return _answers(candidates, problems, created)


def _store_each_possible(
    candidates: Sequence[Candidate], now: datetime
) -> tuple[set[UUID], dict[UUID, str]]:
    """Store all; when the database refuses one, store the others by halves.

    Refusals that no check has foreseen are rare (a strategy deleted a moment
    ago), and must not take their neighbours with them.
    """
    if not candidates:
        return set(), {}
    try:
        return _store(candidates, now), {}
    except (DataError, IntegrityError) as error:
        if len(candidates) == 1:
            words = _("The database refused the signal: %(reason)s.")
            why = words % {"reason": str(error).splitlines()[0]}
            return set(), {candidates[0].identifier: why}
    half = len(candidates) // 2
    first, first_refused = _store_each_possible(candidates[:half], now)
    second, second_refused = _store_each_possible(candidates[half:], now)
    return first | second, first_refused | second_refused


def _store(candidates: Sequence[Candidate], now: datetime) -> set[UUID]:
    _months_ensure(candidates)
    streaks = streaks_select(candidates)
    rows = rows_build(candidates, streaks, now)
    told: set[UUID | None] = set()
    with transaction.atomic():
        fresh = _rows_store(rows)
        # Before the tasks are enqueued: pages are the first to hear.
        transaction.on_commit(lambda: feed.publish(_frames(fresh, told)), robust=True)
        queued = messages_send([each.message for each in fresh if each.message])
        told.update(entry.signal_id for entry in queued)
    return {each.row.identifier for each in fresh}


def _rows_store(rows: Sequence[Row]) -> list[Fresh]:
    """Store rows that are not there yet and return those, in their order."""
    if len(rows) >= COPY_ROWS:
        known = rows_known(rows)
        unknown = [row for row in rows if row.identifier not in known]
        fresh: list[Fresh] = []
        if not unknown or rows_copy(unknown, lambda part: fresh.extend(_fresh(part))):
            return fresh
    created = rows_insert(rows)
    return _fresh([row for row in rows if row.identifier in created])


def _fresh(rows: Sequence[Row]) -> list[Fresh]:
    events = [row.event() for row in rows]
    told = [event for row, event in zip(rows, events, strict=True) if not row.quiet]
    ids = [row.identifier for row in rows if not row.quiet]
    messages = iter(signal_messages(told, ids))
    return [
        Fresh(row, event, None if row.quiet else next(messages))
        for row, event in zip(rows, events, strict=True)
    ]


def _months_ensure(candidates: Sequence[Candidate]) -> None:
    """Make the partitions that are missing, each committed on its own.

    Not in the transaction: nobody shall wait for the lock of a new partition. When it
    is not to be had (a backup holds all tables for as long as it takes), the rows go to
    the safety net, and the rotation moves them.
    """
    months = {c.timestamp.astimezone(UTC).date().replace(day=1) for c in candidates}
    if unknown := months - _months_known:
        try:
            months_ensure(SIGNALS, unknown)
        except PartitionError as error:
            logger.warning("Signals go to the safety net. %s", error.message)
        _months_known.update(unknown)


def _frames(
    fresh: Sequence[Fresh], told: Collection[UUID | None]
) -> list[dict[str, Any]]:
    for each in fresh:
        quiet = each.row.metadata.get("quiet", "")
        each.event["notice"] = _notice(quiet, each.row.identifier in told)
    return [{"type": "signal", "signal": each.event} for each in fresh]


@cache
def _notice(quiet: str, told: bool) -> dict[str, Any]:  # noqa: FBT001 - a cached pair
    return notice_shape({"quiet": quiet}, [("", "pending" if told else "none")])


def _answers(
    candidates: Sequence[Candidate], problems: Sequence[str], created: set[UUID]
) -> Intake:
    intake = Intake(created=len(created))
    unanswered = set(created)
    for candidate, problem in zip(candidates, problems, strict=True):
        if problem:
            intake.answers.append((None, problem))
            continue
        identifier = candidate.identifier
        word = "created" if identifier in unanswered else "duplicate"
        # The second of two equal candidates in one call is a duplicate too.
        unanswered.discard(identifier)
        intake.answers.append((identifier, word))
    return intake


def signals_delivery_record(
    *, signal_id: UUID, channel_name: str, sent_at: datetime
) -> None:
    """Note on one signal that a channel delivered it."""
    signals_deliveries_record(
        signal_ids=[signal_id], channel_name=channel_name, sent_at=sent_at
    )


def signals_deliveries_record(
    *, signal_ids: Sequence[UUID], channel_name: str, sent_at: datetime
) -> None:
    """Note on signals that a channel delivered them; the notifications app calls it."""
    moments = {
        signal_id: moment
        for signal_id in signal_ids
        if (moment := moment_of(signal_id)) is not None
    }
    if not moments:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE signals SET notification_sent = true,"
            " notification_time = coalesce(notification_time, %(sent_at)s),"
            " notification_channels = CASE"
            " WHEN %(channel)s = ANY (notification_channels)"
            " THEN notification_channels"
            " ELSE array_append(notification_channels, %(channel)s) END"
            " FROM unnest(%(ids)s::uuid[], %(moments)s::timestamptz[])"
            " AS told (id, moment)"
            " WHERE signals.id = told.id AND signals.timestamp = told.moment",
            {
                "ids": list(moments),
                "moments": list(moments.values()),
                "channel": channel_name,
                "sent_at": sent_at,
            },
        )
    time = sent_at.isoformat().replace("+00:00", "Z")
    events = [
        {
            "type": "delivered",
            "id": str(signal_id),
            "channel": channel_name,
            "time": time,
        }
        for signal_id in moments
    ]
    transaction.on_commit(lambda: feed.publish(events), robust=True)
