"""What a filter of signals means to the database: queries that find it together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from signals_app.models import Signal, SignalChoice
from signals_app.outcomes.models import Choice
from signals_app.vocabulary import STRONGEST
from strategies.models import Strategy

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from signals_app.selectors import SignalFilter


def branches_of(wanted: SignalFilter, alias: str) -> list[QuerySet[Signal]]:
    """Return queries that together find what is wanted, no signal twice.

    Each can be read in order of time from one index, which their OR could not. The range
    is left to who asks. Reads names from the database ``alias``.
    """
    values = {
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
    signals = _chosen(_searched(_of_pair(signals, wanted.pair), wanted), wanted, alias)
    names = {*wanted.strategies, *wanted.strategy_names}
    if not names and not wanted.strategy_ids:
        return [signals]
    known = Strategy.objects.using(alias).filter(name__in=names)
    found = dict[str, list[int]]()
    for number, name in known.values_list("id", "name") if names else ():
        found.setdefault(name, []).append(number)
    given = _numbers(wanted, names - found.keys(), alias)
    numbers = {*wanted.strategy_ids, *given.values()}
    numbers.update(number for each in found.values() for number in each)
    # The index is on the id; signals that others posted have a name alone.
    posted = [signals.filter(strategy=None, strategy_name=n) for n in sorted(found)]
    # A strategy that is renamed leaves its old name on its signals.
    old = [
        signals.filter(strategy_name=name).exclude(strategy_id__in=numbers)
        for name in sorted(names - found.keys() - given.keys())
    ]
    own = [signals.filter(strategy_id=number) for number in sorted(numbers)]
    return [*own, *posted, *old]


def _numbers(wanted: SignalFilter, nobodys: set[str], alias: str) -> dict[str, int]:
    """Return the texts that are numbers: of these, no strategy and no signal is named."""
    texts = {
        text
        for text in nobodys - set(wanted.strategy_names)
        if text.isascii() and text.isdecimal()
    }
    if not texts:
        return {}
    posted = Signal.objects.using(alias).filter(
        strategy=None, timestamp__gte=wanted.since, timestamp__lt=wanted.until
    )
    return {
        text: int(text)
        for text in texts
        if not posted.filter(strategy_name=text).exists()
    }


def _of_pair(signals: QuerySet[Signal], pair: str) -> QuerySet[Signal]:
    """Leave one pair, which may be written as on the exchange (kPEPE) or in small."""
    if not pair:
        return signals
    if pair == pair.upper():
        return signals.filter(pair=pair)
    return signals.filter(pair__in=[pair, pair.upper()])


def _chosen(
    signals: QuerySet[Signal], wanted: SignalFilter, alias: str
) -> QuerySet[Signal]:
    """Leave what somebody took or skipped, or has not decided on."""
    if not wanted.choice:
        return signals
    # The time of a choice is the signal's: with it, only the months asked for are met.
    mine = SignalChoice.objects.using(alias).filter(
        user_id=wanted.chooser,
        signal_id=OuterRef("pk"),
        timestamp=OuterRef("timestamp"),
        timestamp__gte=wanted.since,
        timestamp__lt=wanted.until,
    )
    if wanted.choice in Choice.values:
        return signals.filter(Exists(mine.filter(choice=wanted.choice)))
    return signals.filter(~Exists(mine))


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
