"""The check of an upgrade in the database: what is tried, what came of it, what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.supervisor.upgrade_records import (
    COUNTER,
    State,
    change,
    finish,
    said,
)
from freqtrade_mgmt.upgrades.canary import Candidate, canary_of
from freqtrade_mgmt.upgrades.log import operations, step_add
from freqtrade_mgmt.upgrades.pinning import strategy_pin
from freqtrade_mgmt.upgrades.plan import Stage
from strategies.lifecycle import WANTED_UP
from strategies.models import Status
from strategies.selectors import strategies_all
from strategies.services import is_live

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freqtrade_mgmt.models import FreqtradeUpgrade


@dataclass(frozen=True, slots=True)
class ToCheck:
    """A strategy that would move; ``skip`` when it is to be left anyway."""

    strategy_id: int
    name: str
    wanted: bool
    skip: bool


def check_begin(upgrade_id: int) -> list[ToCheck]:
    """Return the strategies to load in the new version, running ones first."""
    found: list[ToCheck] = []

    def write(row: FreqtradeUpgrade) -> None:
        skip = (row.migration_log.get("options") or {}).get("skip") or ()
        for strategy in strategies_all().order_by("id"):
            if strategy.freqtrade_config.get("version"):
                continue
            wanted = strategy.status in WANTED_UP
            found.append(
                ToCheck(strategy.pk, strategy.name, wanted, strategy.pk in skip)
            )
        found.sort(key=lambda each: (not each.wanted, each.strategy_id))
        row.migration_log["check"] = {
            str(each.strategy_id): {
                "name": each.name,
                "wanted": each.wanted,
                "state": "left" if each.skip else "waiting",
            }
            for each in found
        }
        step_add(row, "checking", count=sum(not each.skip for each in found))

    change(upgrade_id, write)
    return found


def check_note(upgrade_id: int, strategy_id: int, report: Mapping[str, Any]) -> None:
    """Store what came of one strategy's trial."""

    def write(row: FreqtradeUpgrade) -> None:
        known = row.migration_log["check"][str(strategy_id)]
        known |= report
        if known["state"] == "loads":
            step_add(row, "loads", name=known["name"])
        else:
            step_add(row, "loads_not", name=known["name"], problem=known["reason_text"])

    change(upgrade_id, write)


def check_end(upgrade_id: int) -> None:
    """Judge the whole report: go on, or end without having moved anything.

    What fails and does not run now keeps nothing from moving, unless nothing loads.
    """
    row = operations().get(pk=upgrade_id)
    log = row.migration_log
    report = {int(key): value for key, value in log["check"].items()}
    good = [key for key, each in report.items() if each["state"] == "loads"]
    bad = [key for key, each in report.items() if each["state"] == "fails"]
    count = len(good) + len(bad)
    if log.get("only_check"):
        done = State.FAILED if bad else State.COMPLETED
        finish(upgrade_id, done, "checked", good=len(good), count=count)
        return
    change(upgrade_id, lambda row: said(row, "checked", good=len(good), count=count))
    leave = bool((log.get("options") or {}).get("leave_failing"))
    blocking = [key for key in bad if report[key]["wanted"]]
    if bad and not good:
        finish(upgrade_id, State.FAILED, "nothing_fits")
    elif blocking and not leave:
        names = ", ".join(str(report[key]["name"]) for key in blocking)
        finish(upgrade_id, State.FAILED, "check_failed", names=names)
    else:
        left = [key for key, each in report.items() if each["state"] == "left"]
        _check_passed(upgrade_id, good, left + (bad if leave else []))


def _check_passed(upgrade_id: int, good: list[int], left: list[int]) -> None:
    def write(row: FreqtradeUpgrade) -> None:
        for strategy_id in left:
            name = row.migration_log["check"][str(strategy_id)]["name"]
            try:
                with transaction.atomic():
                    strategy_pin(strategy_id, str(row.from_version), user=row.user)
            except BtcWatcherError as error:
                step_add(row, "left_not", name=name, problem=error.message)
            else:
                step_add(row, "left", name=name)
        row.migration_log |= {
            "left": left,
            "order": good,
            "canary": _canary(row, good),
            "stage": Stage.BACKUP,
        }

    change(upgrade_id, write)


def _canary(row: FreqtradeUpgrade, good: list[int]) -> int | None:
    running = strategies_all().filter(pk__in=good, status=Status.RUNNING)
    rows = list(running)
    asked = (row.migration_log.get("options") or {}).get("canary")
    if asked in {strategy.pk for strategy in rows}:
        return int(asked)
    day = COUNTER.counts(timezone.now()).day
    return canary_of(
        Candidate(
            strategy.pk,
            live=is_live(strategy),
            score=int((strategy.health_metrics.get("health") or {}).get("score") or 0),
            signals=day.get(strategy.pk, 0),
        )
        for strategy in rows
    )
