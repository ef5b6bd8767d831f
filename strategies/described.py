"""The configuration of a strategy, its versions and processes, as pages read them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from strategies.page_words import (
    PARAMETER,
    field_label,
    settings_flat,
    summary_text,
    value_text,
)
from strategies.reason_words import reason_shown
from strategies.rules import DEFAULT_THRESHOLDS
from strategies.shown import span_text
from strategies.template_words import parameter_label, template_title
from strategies.versions import differences, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from strategies.models import Strategy, StrategyProcess, StrategyVersion
    from strategies.versions import DiffLine

# Shown by name elsewhere, so not among the bot's further settings.
NAMED: Final = frozenset({"version", "proxy", "proxy_policy", "own_process", "live"})
DEFAULT_COLUMN: Final = "signal_strength"
DEFAULT_STRENGTH: Final = 50


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting in words."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which strength (0 to 100) a level begins, and its priority."""

    level: str
    priority: str
    start: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that a strategy runs with, in words.

    ``further`` goes to the bot as it is; ``parameters`` are those of the template.
    """

    template: str
    parameters: tuple[Setting, ...]
    strength: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    streak: str
    freqtrade: str
    further: tuple[Setting, ...]
    stake_currency: str
    class_name: str
    code_lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a value; ``kind`` is same, removed, added, or absent: no value."""

    text: str
    kind: str = "same"


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that differs between two versions, with what is marked in each value."""

    label: str
    old: tuple[Part, ...]
    new: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class DiffPair:
    """Two lines side by side; a gap has neither, a line that is in one text has one."""

    old: DiffLine | None
    new: DiffLine | None

    @property
    def gap(self) -> bool:
        """Whether equal lines are left out here."""
        return self.old is None and self.new is None


@dataclass(frozen=True, slots=True)
class ProcessShown:
    """A process that ran a strategy; ``lasted`` is a text, ``end`` None while it runs.

    ``runner`` is the name of a process that others had a place in too; its memory is a
    share then.
    """

    pid: int | None
    start: datetime
    end: datetime | None
    lasted: str
    reason: str
    failed: bool
    open: bool
    rss_mb: float | None
    freqtrade_version: str
    runner: str


@dataclass(frozen=True, slots=True)
class VersionShown:
    """A version; ``by`` is the person's name or empty."""

    version: str
    summary: str
    by: str
    created_at: datetime
    active: bool


def configuration(strategy: Strategy) -> Configuration:
    """Return what a strategy runs with; keys that are absent have their defaults."""
    config = strategy.config
    template = _object(config.get("template"))
    bot = without_secrets(strategy.freqtrade_config)
    rest = {key: value for key, value in bot.items() if key not in NAMED}
    return Configuration(
        template=template_title(str(template.get("name") or "")),
        parameters=_parameters(_object(template.get("parameters"))),
        strength=_strength(_object(config.get("strength"))),
        thresholds=_thresholds(strategy.signal_thresholds),
        streak=_streak(config.get("notify_every")),
        freqtrade=str(bot.get("version") or _("the current version")),
        further=tuple(Setting(k, value_text("", v)) for k, v in settings_flat(rest)),
        stake_currency=str(config.get("stake_currency") or ""),
        class_name=str(config.get("class_name") or ""),
        code_lines=tuple(str(config.get("code") or "").splitlines()),
    )


def version_shown(version: StrategyVersion) -> VersionShown:
    """Return a version as pages list it."""
    by = _object(_object(version.config_snapshot).get("by"))
    return VersionShown(
        version=version.version,
        summary=summary_text(version.change_summary or ""),
        by=str(by.get("username") or ""),
        created_at=version.created_at,
        active=version.is_active,
    )


def process_shown(process: StrategyProcess, now: datetime) -> ProcessShown:
    """Return a process as pages list it."""
    usage = process.resource_usage
    end = process.stop_time
    return ProcessShown(
        pid=process.pid,
        start=process.start_time,
        end=end,
        lasted=span_text(((end or now) - process.start_time).total_seconds()),
        reason=reason_shown(str(usage.get("reason") or "")),
        failed=end is not None and process.status == "error",
        open=end is None,
        rss_mb=usage.get("rss_mb"),
        freqtrade_version=str(usage.get("freqtrade_version") or ""),
        runner=str(usage.get("runner") or ""),
    )


def differences_shown(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[Difference]:
    """Return the settings in which two snapshots differ, by label and in words."""
    return [
        Difference(
            field_label(found.name),
            _parts(found.name, found.old, found.new, "removed"),
            _parts(found.name, found.new, found.old, "added"),
        )
        for found in differences(old, new)
    ]


def side_by_side(lines: Sequence[DiffLine]) -> list[DiffPair]:
    """Return a comparison as pairs: what was removed beside what was added."""
    pairs: list[DiffPair] = []
    removed: list[DiffLine] = []
    added: list[DiffLine] = []

    def flush() -> None:
        pairs.extend(DiffPair(old, new) for old, new in zip_longest(removed, added))
        removed.clear()
        added.clear()

    for line in lines:
        if line.kind == "removed":
            removed.append(line)
        elif line.kind == "added":
            added.append(line)
        else:
            flush()
            pairs.append(
                DiffPair(None, None) if line.kind == "gap" else DiffPair(line, line)
            )
    flush()
    return pairs


def _parts(path: str, value: Any, other: Any, kind: str) -> tuple[Part, ...]:
    """Return a value in pieces; of a list only what the other list lacks is marked."""
    if value is None:
        return (Part(value_text(path, None), "absent"),)
    if not isinstance(value, list) or not isinstance(other, list):
        return (Part(value_text(path, value), kind),)
    marked = tuple(
        Part(value_text(path, item), "same" if item in other else kind)
        for item in value
    )
    # The same items in another order.
    if all(part.kind == "same" for part in marked) and len(value) == len(other):
        return tuple(Part(part.text, kind) for part in marked)
    return marked


def _parameters(values: Mapping[str, Any]) -> tuple[Setting, ...]:
    return tuple(
        Setting(parameter_label(name), value_text(f"{PARAMETER}{name}", value))
        for name, value in settings_flat(values)
    )


def _strength(rule: Mapping[str, Any]) -> tuple[str, ...]:
    """Return where the strength is looked for, one place a sentence, in their order."""
    expression = rule.get("expression")

    def places() -> Iterator[str]:
        yield _("the column %(name)s") % {"name": rule.get("column") or DEFAULT_COLUMN}
        yield _("the number in the tag, such as rsi_dip:85")
        if expression:
            yield _("the expression %(text)s") % {"text": expression}
        default = rule.get("default", DEFAULT_STRENGTH)
        yield _("otherwise %(value)s, marked as a default") % {
            "value": value_text("", default)
        }

    return tuple(places())


def _thresholds(values: Mapping[str, Any]) -> tuple[Threshold, ...]:
    words = {"strong": _("strong"), "medium": _("medium"), "weak": _("weak")}
    priorities = {"strong": "P0", "medium": "P1", "weak": "P2"}
    numbers = DEFAULT_THRESHOLDS | dict(values)
    return tuple(
        Threshold(words[level], priorities[level], value_text("", numbers[level]))
        for level in words
    )


def _streak(every: Any) -> str:
    if not isinstance(every, int) or every < 1:
        return _("the first candle of a streak")
    return ngettext(
        "every candle of a streak",
        "the first candle of a streak and every %(count)d candles",
        every,
    ) % {"count": every}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
