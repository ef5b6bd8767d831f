"""What an upgrade would do, told before it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from freqtrade_mgmt.health.usual import SignalCounter
from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.releases import is_version, version_key
from freqtrade_mgmt.selectors import current_version
from freqtrade_mgmt.upgrades.canary import Candidate, canary_of
from strategies.lifecycle import WANTED_UP
from strategies.models import Status
from strategies.selectors import strategies_all
from strategies.services import is_live

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from strategies.models import Strategy

COUNTER: Final = SignalCounter()
# Of one bot, beyond its start: it is stopped, and proven by its first candles.
MOVE_SECONDS: Final = 8
USUAL_START_SECONDS: Final = 6.0
# Loading one strategy, of which two go at once.
TRIAL_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Mover:
    """A strategy without a pin: it would move.

    ``score`` is its health, 0 to 100, None where none is known; ``signals`` those of the
    last 24 hours.
    """

    id: int
    name: str
    up: bool
    running: bool
    live: bool
    score: int | None
    signals: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What an upgrade to ``to_version`` would do.

    ``first`` is the canary, ``why`` a sentence about its choice. ``others`` run and
    follow it, ``stopped`` use the new version at their next start, ``pinned`` (name,
    version) and ``skipped`` stay as they are. ``minutes`` is about how long it takes.
    """

    from_version: str
    to_version: str
    down: bool
    first: Mover | None
    why: str
    others: tuple[Mover, ...]
    stopped: tuple[Mover, ...]
    skipped: tuple[Mover, ...]
    pinned: tuple[tuple[str, str], ...]
    watch_seconds: int
    leave_failing: bool
    minutes: int

    @property
    def tried(self) -> int:
        """How many strategies are loaded in the new version."""
        return len(self.others) + len(self.stopped) + (self.first is not None)

    @property
    def live(self) -> list[str]:
        """The names of those that trade for real while they move."""
        moving = [self.first, *self.others] if self.first else list(self.others)
        return [each.name for each in moving if each.live]


def movers() -> list[Mover]:
    """Return the strategies without a pin by name."""
    day = COUNTER.counts(timezone.now()).day
    rows = strategies_all().order_by("name", "id")
    return [_mover(row, day.get(row.pk, 0)) for row in rows if not _pin(row)]


def targets() -> list[str]:
    """Return the installed releases that are not the current one, the newest first."""
    rows = FreqtradeVersion.objects.filter(is_installed=True)
    current = current_version()
    names = rows.values_list("version", flat=True)
    found = [name for name in names if name != current and is_version(name)]
    return sorted(found, key=version_key, reverse=True)


def plan_of(
    to_version: str,
    *,
    canary: int | None = None,
    watch_seconds: int,
    leave_failing: bool,
    skip: Collection[int] = (),
) -> Plan:
    """Return what an upgrade with these choices would do, as things are now."""
    every = movers()
    moving = [each for each in every if each.id not in skip]
    first = _first(moving, canary)
    others = tuple(each for each in moving if each.up and each != first)
    current = current_version() or ""
    pinned = tuple(
        (row.name, str(_pin(row)))
        for row in strategies_all().order_by("name")
        if _pin(row)
    )
    count = len(others) + (first is not None)
    return Plan(
        from_version=current,
        to_version=to_version,
        down=_older(to_version, current),
        first=first,
        why=_why(first, moving, asked=canary is not None),
        others=others,
        stopped=tuple(each for each in moving if not each.up),
        skipped=tuple(each for each in every if each.id in skip),
        pinned=pinned,
        watch_seconds=watch_seconds,
        leave_failing=leave_failing,
        minutes=_minutes(to_version, count, len(moving), watch_seconds),
    )


def _first(moving: Sequence[Mover], asked: int | None) -> Mover | None:
    runs = {each.id: each for each in moving if each.running}
    if asked is not None:
        known = {each.id: each for each in moving if each.up}
        return known.get(asked)
    chosen = canary_of(
        Candidate(each.id, live=each.live, score=each.score or 0, signals=each.signals)
        for each in runs.values()
    )
    return None if chosen is None else runs[chosen]


def _why(first: Mover | None, moving: Sequence[Mover], *, asked: bool) -> str:
    if first is None:
        return ""
    if asked:
        return _("chosen by you")
    if sum(each.running for each in moving) == 1:
        return _("the only one that runs")
    values = {"score": first.score}
    reasons = [] if first.live else [_("it does not trade for real")]
    if first.score is not None:
        reasons.append(_("its health is %(score)s of 100") % values)
    if first.signals:
        said = ngettext(
            "it gave %(count)d signal in 24 hours",
            "it gave %(count)d signals in 24 hours",
            first.signals,
        )
        reasons.append(said % {"count": first.signals})
    # Translators: between the items of a list in a sentence.
    return _(", ").join(reasons)


def _minutes(version: str, count: int, tried: int, watch_seconds: int) -> int:
    rows = FreqtradeVersion.objects.filter(version=version)
    about: dict[str, Any] = (
        rows.values_list("compatibility_info", flat=True).first() or {}
    )
    start = about.get("startup_seconds")
    one = MOVE_SECONDS + (
        float(start) if isinstance(start, int | float) else USUAL_START_SECONDS
    )
    seconds = tried * TRIAL_SECONDS / 2 + count * one + (watch_seconds if count else 0)
    return max(1, round(seconds / 60))


def _older(version: str, current: str) -> bool:
    known = is_version(version) and is_version(current)
    return known and version_key(version) < version_key(current)


def _mover(row: Strategy, signals: int) -> Mover:
    health = row.health_metrics.get("health") or {}
    score = health.get("score")
    return Mover(
        id=row.pk,
        name=row.name,
        up=row.status in WANTED_UP,
        running=row.status == Status.RUNNING,
        live=is_live(row),
        score=score if isinstance(score, int) else None,
        signals=signals,
    )


def _pin(row: Strategy) -> str | None:
    return row.freqtrade_config.get("version") or None
