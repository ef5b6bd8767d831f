"""Changes of what a strategy runs: each makes a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from django.db import transaction
from django.utils.translation import gettext as _

from strategies.errors import RefusedError
from strategies.models import StrategyVersion
from strategies.rules import DEFAULT_THRESHOLDS, name_cleaned
from strategies.services.proxying import proxy_assigned, proxy_problems
from strategies.services.storing import (
    audit,
    list_changed,
    name_keep,
    sound_or_refused,
    strategy_locked,
    version_move,
    version_store,
    who,
)
from strategies.versions import (
    config_run,
    differences,
    plain,
    runs_differently,
    snapshot,
    trades_differently,
    without_live,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from accounts.models import User
    from strategies.models import Strategy

SAVED = (
    "name",
    "description",
    "type",
    "version",
    "config",
    "freqtrade_config",
    "signal_thresholds",
    "updated_at",
)
SUMMARY_FIELDS = 6


class Changes(TypedDict, total=False):
    """What can be changed of a strategy; what is absent or None stays as it is."""

    name: str | None
    description: str | None
    type: str | None
    config: Mapping[str, Any] | None
    freqtrade_config: Mapping[str, Any] | None
    signal_thresholds: Mapping[str, float] | None


@transaction.atomic
def strategy_update(
    strategy_id: int, *, by: User | None, summary: str = "", **changes: Unpack[Changes]
) -> Strategy:
    """Change a strategy, and store a version when what runs has changed.

    Raises StrategyMissingError, or RefusedError with a sentence for each problem.
    Trading for real was confirmed for what ran then: a change of what trades turns
    it off, which the summary says.
    """
    return change_apply(strategy_locked(strategy_id), changes, by=by, summary=summary)


@transaction.atomic
def version_roll_back(strategy_id: int, version: str, *, by: User | None) -> Strategy:
    """Run what an earlier version ran, as a new version.

    Name and description stay. Raises StrategyMissingError, or RefusedError when there
    is no such version or it is what runs already.
    """
    strategy = strategy_locked(strategy_id)
    found = StrategyVersion.objects.filter(strategy=strategy, version=version).first()
    if found is None:
        raise RefusedError(
            [
                _("Strategy '%(name)s' has no version %(version)s.")
                % {"name": strategy.name, "version": version}
            ]
        )
    shot = found.config_snapshot
    changes: Changes = {
        "config": shot["config"],
        "freqtrade_config": shot["freqtrade_config"],
        "signal_thresholds": shot["signal_thresholds"],
        "type": shot.get("type"),
    }
    before = strategy.version
    # Stored in English, and translated where it is shown.
    summary = f"Rolled back to {version}."
    change_apply(strategy, changes, by=by, summary=summary, keeps_live=False)
    if strategy.version == before:
        raise RefusedError(
            [
                _("Strategy '%(name)s' runs what %(version)s ran already.")
                % {"name": strategy.name, "version": version}
            ]
        )
    return strategy


def change_apply(
    strategy: Strategy,
    changes: Changes,
    *,
    by: User | Mapping[str, Any] | None,
    summary: str,
    keeps_live: bool = True,
) -> Strategy:
    """Change a locked row as ``strategy_update`` does, inside the caller's transaction."""
    before = snapshot(strategy)
    live = strategy.freqtrade_config.get("live")
    _assign(strategy, changes)
    after = snapshot(strategy)
    if live is not None:
        if keeps_live and not trades_differently(before, after):
            strategy.freqtrade_config["live"] = live
        else:
            summary = _live_dropped(
                strategy, by, summary or f"{_summary(before, after)}."
            )
    after = snapshot(strategy)
    if runs_differently(before, after):
        version_move(strategy)
        version_store(strategy, by=by, summary=summary or _summary(before, after))
    strategy.save(update_fields=SAVED)
    list_changed()
    return strategy


def _assign(strategy: Strategy, changes: Changes) -> None:
    given: dict[str, Any] = {k: v for k, v in changes.items() if v is not None}
    if "name" in given and name_cleaned(given["name"]) != strategy.name:
        strategy.name = name_cleaned(given["name"])
        name_keep(strategy.name, but=strategy.pk)
    if "description" in given:
        strategy.description = str(given["description"])
    before = strategy.freqtrade_config
    strategy.config = config_run(given.get("config", strategy.config))
    strategy.freqtrade_config = without_live(
        given.get("freqtrade_config", strategy.freqtrade_config)
    )
    thresholds = given.get("signal_thresholds", strategy.signal_thresholds)
    strategy.signal_thresholds = plain(thresholds or DEFAULT_THRESHOLDS)
    strategy.type = str(given.get("type", strategy.type))
    # A row of an early release can be renamed whatever it holds.
    if given.keys() - {"name"}:
        problems = proxy_problems(strategy.freqtrade_config, before)
        sound_or_refused(strategy, more=problems)
        proxy_assigned(strategy.freqtrade_config, before)


def _live_dropped(
    strategy: Strategy, by: User | Mapping[str, Any] | None, summary: str
) -> str:
    said = _("Trading for real was turned off by this change.")
    person = who(by)
    if person is not None:
        audit(strategy, person["id"], said)
    return f"{summary} {said}".strip()


def _summary(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Name what differs by the paths of the settings, for want of other words."""
    names = [
        found.name
        for found in differences(before, after)
        if not found.name.startswith("freqtrade_config.live")
    ]
    if before["config"].get("code") != after["config"].get("code"):
        names.insert(0, "config.code")
    more = ", …" if len(names) > SUMMARY_FIELDS else ""
    return ", ".join(names[:SUMMARY_FIELDS]) + more
