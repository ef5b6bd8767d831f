"""Reading signals. Every query is bounded in time, so it touches few partitions."""

from __future__ import annotations

import base64
import binascii
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

import psycopg
from django.db import OperationalError, connections, transaction
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib import replica
from btc_watcher.lib.errors import BtcWatcherError
from notifications.models import Notification
from signals_app.branches import branches_of
from signals_app.identity import moment_of
from signals_app.models import Signal
from signals_app.vocabulary import STRONGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from django.db.models import QuerySet

DEFAULT_WINDOW: Final = timedelta(days=31)
# Signals of the last minutes are what is new; live pages go on from them.
NEW: Final = timedelta(minutes=5)
NEWEST: Final = ("-timestamp", "-id")
# A longer range is looked through in parts, newest first, each twice as long as the one
# before: a page that is full after the first part never opens the other months.
FIRST_PART: Final = DEFAULT_WINDOW + timedelta(days=1)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFilter:
    """What is asked for; ``since`` is included, ``until`` is not.

    ``strategies`` are names, or numbers where nobody has that name; ``strategy_ids`` are
    numbers alone, ``strategy_names`` names alone. Any of them all fits. ``pair_part`` and
    ``tag`` are parts of a text, in whatever case; strengths are 0 to 100. ``choice`` is
    what the user ``chooser`` did: taken, skipped or undecided. ``first`` leaves out what
    goes on from the candle before.
    """

    since: datetime
    until: datetime
    strategies: tuple[str, ...] = ()
    strategy_ids: tuple[int, ...] = ()
    strategy_names: tuple[str, ...] = ()
    pair: str = ""
    exchange: str = ""
    timeframe: str = ""
    type: str = ""
    level: str = ""
    priority: str = ""
    choice: str = ""
    chooser: int = 0
    pair_part: str = ""
    least_strength: float = 0
    most_strength: float = STRONGEST
    tag: str = ""
    version: str = ""
    first: bool = False

    @property
    def strategy(self) -> str:
        """The one strategy that is wanted, "" for all or several."""
        all_of = (*self.strategies, *map(str, self.strategy_ids), *self.strategy_names)
        return all_of[0] if len(all_of) == 1 else ""


class SearchTooLongError(BtcWatcherError):
    """The search looked at more signals than a page may."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list: the last signal that was given."""

    timestamp: datetime
    identifier: UUID

    def text(self) -> str:
        """Return the cursor as it stands in an address."""
        raw = f"{int(self.timestamp.timestamp() * 1000)}:{self.identifier}"
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read what ``text`` wrote; raise BtcWatcherError when it is no cursor."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            stamp, _colon, identifier = raw.partition(":")
            moment = datetime.fromtimestamp(int(stamp) / 1000, UTC)
            # The search begins just after it, which must be a time as well.
            _just_after(cls(moment, UUID(identifier)))
            return cls(moment, UUID(identifier))
        except (binascii.Error, ValueError, OverflowError, OSError) as error:
            raise BtcWatcherError(
                _("%(text)r is no cursor; use the one in the answer's next address.")
                % {"text": text[:80]}
            ) from error


def signals_page(
    wanted: SignalFilter,
    *,
    size: int,
    after: Cursor | None = None,
    patience: int | None = None,
) -> tuple[list[Signal], Cursor | None]:
    """Return up to ``size`` signals, newest first, and where the next page begins.

    A page that reaches up to the present is what is new, and comes from the primary.
    Raises SearchTooLongError when it takes longer than ``patience`` seconds.
    """
    until = wanted.until if after is None else min(wanted.until, _just_after(after))

    def page_of(alias: str, hurry: Callable[[], None]) -> list[Signal]:
        hurry()
        branches = branches_of(wanted, alias)
        rows: list[Signal] = []
        for first, end in range_parts(wanted.since, until):
            hurry()
            rows += _newest(branches, first, end, after, size + 1 - len(rows))
            if len(rows) > size:
                break
        return rows

    def patiently(alias: str) -> list[Signal]:
        return _within(alias, patience, page_of)

    found = replica.read(patiently) if is_past(until) else patiently(replica.PRIMARY)
    if len(found) <= size:
        return found, None
    last = found[size - 1]
    return found[:size], Cursor(last.timestamp, last.pk)


def signals_count(wanted: SignalFilter, *, most: int, patience: int) -> int:
    """Return how many signals there are, ``most`` for all that are more.

    Raises SearchTooLongError when it takes longer than ``patience`` seconds as a whole,
    and Django's database errors.
    """

    def count_of(alias: str, hurry: Callable[[], None]) -> int:
        hurry()
        branches = branches_of(wanted, alias)
        found = 0
        for first, end in range_parts(wanted.since, wanted.until):
            hurry()
            found += _count(branches, first, end, most - found)
            if found >= most:
                return most
        return found

    return replica.read(lambda alias: _within(alias, patience, count_of))


def signals_newest(limit: int, now: datetime) -> list[Signal]:
    """Return the newest signals of the last month, newest first."""
    wanted = SignalFilter(since=now - DEFAULT_WINDOW, until=now + timedelta(minutes=2))
    return signals_page(wanted, size=limit)[0]


def signal_by_id(identifier: UUID) -> Signal | None:
    """Return one signal; the id tells the partition, so one is looked into."""
    moment = moment_of(identifier)
    if moment is None:
        return None
    return Signal.objects.filter(pk=identifier, timestamp=moment).first()


def deliveries_of(signals: Sequence[Signal]) -> dict[UUID, list[tuple[str, str]]]:
    """Return (channel, status) of the notifications about each signal."""
    found: dict[UUID, list[tuple[str, str]]] = defaultdict(list)
    if not signals:
        return found
    oldest = min(signal.timestamp for signal in signals)
    rows = Notification.objects.filter(
        signal_id__in=[signal.pk for signal in signals], sent_at__gte=oldest
    ).values_list("signal_id", "channel__name", "status")
    for signal_id, channel, status in rows:
        if signal_id is not None:
            found[signal_id].append((channel or "", status))
    return found


def is_past(until: datetime) -> bool:
    """Tell whether a range that ends at ``until`` is history, and not what is new."""
    return until < timezone.now() - NEW


def range_parts(
    since: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Give the parts of a range, the newest first; ends are not included."""
    length = FIRST_PART
    while since < until:
        first = max(since, until - length)
        yield first, until
        until, length = first, 2 * length


def _newest(
    branches: Sequence[QuerySet[Signal]],
    since: datetime,
    until: datetime,
    after: Cursor | None,
    limit: int,
) -> list[Signal]:
    """Return the newest of a range that any of ``branches`` wants, in one statement."""
    parts = [
        each.filter(timestamp__gte=since, timestamp__lt=until) for each in branches
    ]
    if after is not None:
        place = RawSQL(
            "(timestamp, id) < (%s, %s)", (after.timestamp, after.identifier)
        )
        parts = [each.alias(place=place).filter(place=True) for each in parts]
    first, *others = [each.order_by(*NEWEST)[:limit] for each in parts]
    if not others:
        return list(first)
    return list(first.union(*others, all=True).order_by(*NEWEST)[:limit])


def _count(
    branches: Sequence[QuerySet[Signal]], since: datetime, until: datetime, most: int
) -> int:
    """Return how many of a range any of ``branches`` wants, in one statement."""
    first, *others = [
        each.filter(timestamp__gte=since, timestamp__lt=until).order_by()[:most]
        for each in branches
    ]
    found = first.count() if not others else first.union(*others, all=True).count()
    return min(found, most)


def _within(
    alias: str,
    seconds: int | None,
    question: Callable[[str, Callable[[], None]], Answer],
) -> Answer:
    """Return what ``question`` answers; None for ``seconds`` waits for ever.

    It is given the database, and what to call before each statement, which then has the
    time that is left.
    """
    if seconds is None:
        return question(alias, lambda: None)
    end = time.monotonic() + seconds

    def hurry() -> None:
        left = int(1000 * (end - time.monotonic()))
        if left <= 0:
            raise _too_long(seconds)
        _time_out(alias, f"{left}ms")

    try:
        with transaction.atomic(using=alias):
            found = question(alias, hurry)
            _time_out(alias, "")
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise _too_long(seconds) from None
        raise
    return found


def _too_long(seconds: int) -> SearchTooLongError:
    return SearchTooLongError(
        f"The search was given up after {seconds} s; choose a shorter period."
    )


def _time_out(alias: str, text: str) -> None:
    """Set the time-out of this transaction's statements; "" for what it was."""
    with connections[alias].cursor() as cursor:
        if text:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [text])
        else:
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")


def _just_after(cursor: Cursor) -> datetime:
    return cursor.timestamp + timedelta(milliseconds=1)
