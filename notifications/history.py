"""Reading the history a page at a time. Every query is bounded in time and in rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import psycopg
from django.db import OperationalError, connections, transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.utils import timezone

from btc_watcher.lib import replica
from btc_watcher.lib.errors import BtcWatcherError
from notifications.models import Notification, NotificationStatus
from notifications.written import EPOCH, since_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

# This month and the last, or a bit more.
LATELY: Final = timedelta(days=31)
SEARCH_TIMEOUT: Final = "8s"
MEMBERS_SHOWN: Final = 50
# States that the page filters by, as conditions on a row.
STATES: Final = {
    "waiting": Q(status__in=[NotificationStatus.PENDING, NotificationStatus.RETRY]),
    "held": Q(status__in=[NotificationStatus.PENDING, NotificationStatus.RETRY])
    & Q(metadata__has_key="held"),
    "retry": Q(status=NotificationStatus.RETRY),
    "sent": Q(status=NotificationStatus.SENT),
    "failed": Q(status=NotificationStatus.FAILED) & ~Q(metadata__has_key="suppressed"),
    "suppressed": Q(status=NotificationStatus.FAILED)
    & Q(metadata__has_key="suppressed"),
    "collapsed": Q(metadata__has_key="collapsed_into"),
    "unknown": Q(metadata__has_key="unknown_outcome"),
}


class SearchTooLongError(BtcWatcherError):
    """The search read more of the history than a page may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFilter:
    """What of the history is wanted; empty means all.

    ``since`` is included and ``until`` is not; they keep other partitions out of it.
    ``state`` is a key of STATES. Each word of ``text`` is in the message or in the
    strategy's name; a signal's id or a number (of a notification) is itself enough.
    """

    since: datetime
    until: datetime
    state: str = ""
    channel_id: int | None = None
    priority: str = ""
    message_type: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the history: the last row that was given."""

    sent_at: datetime
    id: int

    def text(self) -> str:
        """Return the cursor as it stands in an address."""
        return f"{(self.sent_at - EPOCH) // timedelta(microseconds=1)}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Read what ``text`` wrote; None when it is no cursor."""
        moment, _dash, number = text.partition("-")
        if not (_digits(moment) and _digits(number)):
            return None
        try:
            sent_at = EPOCH + timedelta(microseconds=int(moment))
        except OverflowError:
            return None
        return cls(sent_at, int(number))


def notifications_page(
    wanted: HistoryFilter, *, size: int, after: Cursor | None = None
) -> tuple[list[Notification], Cursor | None]:
    """Return up to ``size`` rows, newest first, and where the next page begins.

    Raises SearchTooLongError when a search for a text takes longer than a person waits.
    """
    rows = _filtered(wanted)
    if after is not None:
        # The first condition leaves later partitions out, the second is exact.
        rows = rows.filter(sent_at__lte=after.sent_at).annotate(
            place=RawSQL(
                "(notification_history.sent_at, notification_history.id) < (%s, %s)",
                (after.sent_at, after.id),
            )
        )
        rows = rows.filter(place=True)
    rows = rows.select_related("channel").order_by("-sent_at", "-id")[: size + 1]

    def page_of(alias: str) -> list[Notification]:
        there = rows.using(alias)
        return _patiently(there, alias) if wanted.text else list(there)

    found = replica.read(page_of)
    if len(found) <= size:
        return found, None
    last = found[size - 1]
    return found[:size], Cursor(last.sent_at, last.id)


def notification_by_id(number: int) -> Notification | None:
    """Return one row with its channel.

    Most that is asked for is new, so the months before the last two are looked into
    only when it is not there.
    """
    rows = Notification.objects.select_related("channel").filter(id=number)
    lately = timezone.now() - LATELY
    for part in (Q(sent_at__gte=lately), Q(sent_at__gt=EPOCH, sent_at__lt=lately)):
        if found := rows.filter(part).first():
            return found
    return None


def notifications_by_id(
    numbers: Sequence[int], *, since: datetime = EPOCH
) -> list[Notification]:
    """Return the rows of ``numbers``, at most MEMBERS_SHOWN of them, by number.

    None of them has a time before ``since``, which keeps earlier months out of it.
    """
    if not numbers:
        return []
    rows = Notification.objects.select_related("channel").filter(
        id__in=list(numbers)[:MEMBERS_SHOWN], sent_at__gte=since
    )
    return list(rows.order_by("id"))


def members_since(row: Notification) -> datetime:
    """Return the moment before which no member of the digest ``row`` was written."""
    return since_of(row.metadata.get("digest_since"))


def _filtered(wanted: HistoryFilter) -> QuerySet[Notification]:
    rows = Notification.objects.filter(
        sent_at__gte=wanted.since, sent_at__lt=wanted.until
    )
    if wanted.state:
        rows = rows.filter(STATES[wanted.state])
    if wanted.channel_id is not None:
        rows = rows.filter(channel_id=wanted.channel_id)
    if wanted.priority:
        rows = rows.filter(metadata__priority=wanted.priority)
    if wanted.message_type:
        rows = rows.filter(message_type=wanted.message_type)
    return rows.filter(_says(wanted.text)) if wanted.text else rows


def _says(text: str) -> Q:
    if signal_id := signal_id_of(text):
        return Q(signal_id=signal_id)
    number = text.removeprefix("#")
    if _digits(number) and text.startswith("#"):
        return Q(id=int(number))
    says = Q()
    for word in text.split():
        named = Q(metadata__context__strategy__icontains=word)
        # What earlier versions called it.
        named |= Q(metadata__context__strategy_name__icontains=word)
        # A row that was told says it in its channel's language.
        told = Q(metadata__context__words__icontains=word)
        says &= Q(content__icontains=word) | told | named
    return says


def signal_id_of(text: str) -> UUID | None:
    """Return the signal's id that ``text`` is, or None."""
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def _patiently(rows: QuerySet[Notification], alias: str) -> list[Notification]:
    connection = connections[alias]
    try:
        with transaction.atomic(using=alias):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('statement_timeout', %s, true)", [SEARCH_TIMEOUT]
                )
            found = list(rows)
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise SearchTooLongError(
                f"The search was given up after {SEARCH_TIMEOUT}."
            ) from None
        raise
    return found


def _digits(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19
