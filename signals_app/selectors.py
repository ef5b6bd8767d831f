"""Reading signals. Every query is bounded in time, so it touches few partitions."""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import psycopg
from django.db import OperationalError, connections, transaction
from django.db.models.expressions import RawSQL
from django.utils import timezone

from btc_watcher.lib import replica
from btc_watcher.lib.errors import BtcWatcherError
from notifications.models import Notification
from signals_app.identity import moment_of
from signals_app.models import Signal
from strategies.models import Strategy

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
STRONGEST: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFilter:
    """What is asked for; ``since`` is included, ``until`` is not.

    ``strategies`` are numbers or names, of which any fits. ``only`` are the ids that are
    wanted at all, ``but`` those that are not; ``pair_part`` and ``tag`` are parts of a
    text, in whatever case; strengths are 0 to 100. ``first`` leaves out what goes on from
    the candle before.
    """

    since: datetime
    until: datetime
    strategies: tuple[str, ...] = ()
    pair: str = ""
    exchange: str = ""
    timeframe: str = ""
    type: str = ""
    level: str = ""
    priority: str = ""
    only: frozenset[UUID] | None = None
    but: frozenset[UUID] = frozenset()
    pair_part: str = ""
    least_strength: float = 0
    most_strength: float = STRONGEST
    tag: str = ""
    version: str = ""
    first: bool = False

    @property
    def strategy(self) -> str:
        """The one strategy that is wanted, "" for all or several."""
        return self.strategies[0] if len(self.strategies) == 1 else ""


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
            stamp, _, identifier = raw.partition(":")
            moment = datetime.fromtimestamp(int(stamp) / 1000, UTC)
            # The search begins just after it, which must be a time as well.
            _just_after(cls(moment, UUID(identifier)))
            return cls(moment, UUID(identifier))
        except (binascii.Error, ValueError, OverflowError, OSError) as error:
            raise BtcWatcherError(
                f"{text[:80]!r} is no cursor; use the one in the answer's next address."
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
    Raises SearchTooLongError when a statement takes longer than ``patience`` seconds.
    """
    until = wanted.until if after is None else min(wanted.until, _just_after(after))

    def page_of(alias: str) -> list[Signal]:
        branches = _branches(wanted, alias)
        rows: list[Signal] = []
        for first, end in range_parts(wanted.since, until):
            rows += _newest(branches, first, end, after, size + 1 - len(rows))
            if len(rows) > size:
                break
        return rows

    def patiently(alias: str) -> list[Signal]:
        return _within(alias, patience, page_of) if patience else page_of(alias)

    found = replica.read(patiently) if is_past(until) else patiently(replica.PRIMARY)
    if len(found) <= size:
        return found, None
    last = found[size - 1]
    return found[:size], Cursor(last.timestamp, last.pk)


def signals_count(wanted: SignalFilter, *, most: int) -> int:
    """Return how many signals there are, ``most`` for all that are more.

    Raises Django's database errors, among them that of the statement's time-out.
    """

    def count_of(alias: str) -> int:
        found = 0
        branches = _branches(wanted, alias)
        for first, end in range_parts(wanted.since, wanted.until):
            for each in branches:
                part = each.filter(timestamp__gte=first, timestamp__lt=end)
                found += part.order_by()[: most - found].count()
                if found >= most:
                    return most
        return found

    return replica.read(count_of)


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


def _branches(wanted: SignalFilter, alias: str) -> list[QuerySet[Signal]]:
    """Return queries that together find what is wanted, no signal twice.

    Each can be read in order of time from one index, which their OR could not.
    """
    values = {
        "pair": wanted.pair,
        "exchange": wanted.exchange,
        "timeframe": wanted.timeframe,
        "signal_type": wanted.type,
        "strength_level": wanted.level,
        "priority": wanted.priority,
        "strategy_version": wanted.version,
    }
    signals = Signal.objects.using(alias).filter(
        **{key: v for key, v in values.items() if v}
    )
    if wanted.only is not None:
        signals = signals.filter(pk__in=wanted.only)
    if wanted.but:
        signals = signals.exclude(pk__in=wanted.but)
    signals = _searched(signals, wanted)
    if not wanted.strategies:
        return [signals]
    numbers = {int(each) for each in wanted.strategies if _is_number(each)}
    names = {each for each in wanted.strategies if not _is_number(each)}
    # The index is on the id; signals that others posted have a name alone.
    if names:
        known = Strategy.objects.using(alias).filter(name__in=names)
        numbers.update(known.values_list("id", flat=True))
    return [
        *(signals.filter(strategy_id=number) for number in sorted(numbers)),
        *(signals.filter(strategy=None, strategy_name=name) for name in sorted(names)),
    ]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _searched(signals: QuerySet[Signal], wanted: SignalFilter) -> QuerySet[Signal]:
    """Leave out what no index can: it is looked at row by row, so keep the range short."""
    if wanted.pair_part:
        signals = signals.filter(pair__icontains=wanted.pair_part)
    if wanted.least_strength:
        signals = signals.filter(strength_raw__gte=wanted.least_strength)
    if wanted.most_strength < STRONGEST:
        signals = signals.filter(strength_raw__lte=wanted.most_strength)
    if wanted.tag:
        signals = signals.filter(metadata__tag__icontains=wanted.tag)
    if wanted.first:
        signals = signals.filter(metadata__streak=1)
    return signals


def _within(
    alias: str, seconds: int, question: Callable[[str], list[Signal]]
) -> list[Signal]:
    try:
        with transaction.atomic(using=alias):
            _time_out(alias, f"{seconds}s")
            found = question(alias)
            _time_out(alias, "")
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise SearchTooLongError(
                f"The search was given up after {seconds} s; choose a shorter period."
            ) from None
        raise
    return found


def _time_out(alias: str, text: str) -> None:
    """Set the time-out of this transaction's statements; "" for what it was."""
    with connections[alias].cursor() as cursor:
        if text:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [text])
        else:
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")


def _just_after(cursor: Cursor) -> datetime:
    return cursor.timestamp + timedelta(milliseconds=1)
