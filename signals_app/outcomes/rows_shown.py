"""Rows of the pages of outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from signals_app.outcomes.judging import DIRECTIONS, HORIZONS
from signals_app.outcomes.shown import (
    LookShown,
    RateShown,
    candles_words,
    latest_shown,
    looks_shown,
    rate_shown,
)
from signals_app.rows import price_text
from signals_app.vocabulary import Level, SignalType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from signals_app.models import Signal
    from signals_app.outcomes.models import Outcome, SignalChoice
    from signals_app.outcomes.statistics import Row


@dataclass(frozen=True, slots=True)
class StatisticRow:
    """One row of the table of hit rates; ``badge`` is the class of the key's badge."""

    strategy_id: int | None
    strategy: str
    key: str
    label: str
    badge: str
    signals: int
    unknown: int
    rates: list[tuple[str, RateShown | None]]
    is_first: bool


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One signal of the list."""

    signal: Signal
    price: str
    looks: list[LookShown]
    outcome: Outcome | None
    choice: SignalChoice | None

    @property
    def is_judged(self) -> bool:
        """Whether the signal has a direction at all."""
        return self.signal.signal_type in DIRECTIONS

    @property
    def widest(self) -> LookShown | None:
        """The longest horizon of which best and worst are known."""
        known = [look for look in self.looks if look.best is not None]
        return known[-1] if known else None

    def brief(self) -> dict[str, Any]:
        """Return it in few words: the longest known move and the choice."""
        latest = latest_shown(self.outcome)
        return {
            "text": latest[0].text if latest else "",
            "tone": latest[0].tone if latest else "",
            "candles": latest[1] if latest else 0,
            "hint": candles_words(latest[1]) if latest else "",
            "choice": self.choice.choice if self.choice else "",
            "said": str(self.choice.get_choice_display()) if self.choice else "",
            "note": self.choice.note if self.choice else "",
        }


def statistic_rows(rows: Sequence[Row]) -> list[StatisticRow]:
    """Return rows of statistics as the page shows them, strategies told once each."""
    shown: list[StatisticRow] = []
    before: tuple[int | None, str] | None = None
    for row in rows:
        own = (row.strategy_id, row.strategy)
        label, badge = _key_shown(row.key)
        shown.append(
            StatisticRow(
                strategy_id=row.strategy_id,
                strategy=row.strategy,
                key=row.key,
                label=label,
                badge=badge,
                signals=row.signals,
                unknown=row.unknown,
                rates=[
                    (candles_words(n), rate_shown(row.horizons[n])) for n in HORIZONS
                ],
                is_first=own != before,
            )
        )
        before = own
    return shown


def signal_rows(
    signals: Sequence[Signal],
    outcomes: Mapping[UUID, Outcome],
    choices: Mapping[UUID, SignalChoice],
) -> list[SignalRow]:
    """Return signals with what became of them, in their order."""
    return [
        SignalRow(
            signal=signal,
            price=price_text(float(signal.price)),
            looks=looks_shown(signal, outcomes.get(signal.pk)),
            outcome=outcomes.get(signal.pk),
            choice=choices.get(signal.pk),
        )
        for signal in signals
    ]


def _key_shown(key: str) -> tuple[str, str]:
    """Return what a level, a direction or a pair is called, and its badge's class."""
    if key in Level.values:
        return str(Level(key).label), key
    if key in SignalType.values:
        return str(SignalType(key).label), key.lower()
    return key, ""
