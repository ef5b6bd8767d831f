"""What the supervisor reads and writes of an upgrade, off its event loop.

Every change is one transaction on the operation's row, so a supervisor that is killed
anywhere leaves a state from which the next one goes on.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import override

from freqtrade_mgmt.health.score import rate
from freqtrade_mgmt.health.subjects import subjects_read
from freqtrade_mgmt.health.usual import SignalCounter
from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.selectors import upgrades
from freqtrade_mgmt.supervisor import upgrade_files
from freqtrade_mgmt.upgrades.canary import Health
from freqtrade_mgmt.upgrades.log import (
    OPEN,
    ended,
    operation_locked,
    operation_of,
    operations,
    saved,
    step_add,
)
from freqtrade_mgmt.upgrades.plan import Operation, Stage
from freqtrade_mgmt.upgrades.telling import tell_ended
from notifications.dispatch import alert_resolve
from strategies.errors import StrategyMissingError
from strategies.health_words import reason_text
from strategies.lifecycle import WANTED_UP
from strategies.models import Status, Strategy
from strategies.selectors import strategies_all
from strategies.services import strategy_status_set

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from freqtrade_mgmt.health.shapes import Facts, Subject
    from freqtrade_mgmt.health.usual import Counts

COUNTER: Final = SignalCounter()
KEPT_OPERATIONS: Final = 5
KEPT: Final = timedelta(days=30)
State = FreqtradeUpgrade.Status


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The operation to carry out, and the strategies without a pin: id to state."""

    op: Operation
    fresh: bool
    watch_seconds: int
    only_check: bool
    states: Mapping[int, str]

    def wanted(self, strategy_id: int) -> bool:
        """Tell whether somebody wants a strategy to run."""
        return self.states.get(strategy_id) in WANTED_UP


def under_way(owner: Mapping[str, Any]) -> UnderWay | None:
    """Return the oldest operation that has not ended, and take it over.

    ``owner`` is who we are: one that another supervisor had is ``fresh`` once, and the
    time that it needs counts from now.
    """
    row = operations().filter(status__in=OPEN).order_by("id").first()
    if row is None:
        return None
    fresh = row.migration_log.get("owner") != dict(owner)
    if fresh:
        row = _take_over(row.pk, owner)
    if row is None:
        return None
    options = row.migration_log.get("options") or {}
    found = strategies_all().values_list("id", "status", "freqtrade_config__version")
    left = set(row.migration_log.get("left") or ())
    return UnderWay(
        op=operation_of(row),
        fresh=fresh,
        watch_seconds=int(options.get("watch_seconds") or 0),
        only_check=bool(row.migration_log.get("only_check")),
        states={key: state for key, state, pin in found if not pin and key not in left},
    )


@transaction.atomic
def _take_over(upgrade_id: int, owner: Mapping[str, Any]) -> FreqtradeUpgrade | None:
    row = operation_locked(upgrade_id)
    if row is None or row.status not in OPEN:
        return None
    log, now = row.migration_log, timezone.now().isoformat()
    if row.status == State.PENDING:
        row.status = State.IN_PROGRESS
        log["stage"] = Stage.CHECK
    elif before := log.get("owner"):
        ours = {**before, "absences": 0} == {**owner, "absences": 0}
        step_add(row, "absent" if ours else "resumed")
    for key in ("moved_at", "returned_at"):
        if log.get(key):
            log[key] = now
    # Nobody watched while there was no supervisor.
    log["watch_until"] = None
    log["owner"] = dict(owner)
    saved(row)
    return row


def change(upgrade_id: int, write: Callable[[FreqtradeUpgrade], None]) -> None:
    """Change an operation that has not ended, in one transaction."""
    with transaction.atomic():
        row = operation_locked(upgrade_id)
        if row is not None and row.status == State.IN_PROGRESS:
            write(row)
            saved(row)


def finish(upgrade_id: int, status: str, code: str, **data: Any) -> None:
    """End an operation with a last sentence, and tell it; only once."""
    with transaction.atomic():
        row = operation_locked(upgrade_id)
        if row is None or row.status not in OPEN:
            return
        words = step_add(row, code, **data)
        row.migration_log["back"] = []
        error = "" if status == State.COMPLETED else words
        # Why it went back says more than that it is back.
        ended(row, status, str(row.migration_log.get("why") or error) if error else "")
        if not row.migration_log.get("only_check"):
            tell_ended(row, row.error_message or words)


def said(row: FreqtradeUpgrade, code: str, **data: Any) -> None:
    """Add a step and nothing else."""
    step_add(row, code, **data)


# -- Backup and moves -------------------------------------------------------


def unpinned() -> list[int]:
    """Return the strategies without a pin, those that an operation is about."""
    found = strategies_all().values_list("id", "freqtrade_config__version")
    return sorted(key for key, pin in found if not pin)


def backed_up(upgrade_id: int, made: int) -> None:
    """Note that what could be spoiled was copied, of so many strategies."""
    path = str(upgrade_files.backup_folder(upgrade_id))

    def write(row: FreqtradeUpgrade) -> None:
        row.backup_path = path
        row.migration_log["stage"] = Stage.MOVE
        step_add(row, "backed_up", count=made, path=path)

    change(upgrade_id, write)


def backup_failed(upgrade_id: int, problem: str) -> None:
    """End an operation whose copies could not be made."""
    finish(upgrade_id, State.FAILED, "backup_failed", problem=problem)


def move(upgrade_id: int, strategy_id: int, before: Health | None) -> None:
    """Let one strategy run on the new version from now on."""

    def write(row: FreqtradeUpgrade) -> None:
        log = row.migration_log
        if not log.get("moved"):
            # The first one is the canary, also when the chosen one was stopped meanwhile.
            log["canary"] = strategy_id
        log["moved"] = [*(log.get("moved") or []), strategy_id]
        log["moved_at"] = timezone.now().isoformat()
        first = strategy_id == log["canary"]
        if first and before is not None:
            log["health_before"] = [before.score, before.level, before.words]
        step_add(row, "canary" if first else "moved", name=_name(strategy_id))

    change(upgrade_id, write)


def proven(upgrade_id: int, strategy_id: int) -> None:
    """Note that a strategy that was moved runs."""

    def write(row: FreqtradeUpgrade) -> None:
        log = row.migration_log
        log["proven"] = [*(log.get("proven") or []), strategy_id]
        step_add(row, "proven", name=_name(strategy_id))

    change(upgrade_id, write)


def watch(upgrade_id: int, strategy_id: int, seconds: int) -> None:
    """Begin the watch of the canary."""

    def write(row: FreqtradeUpgrade) -> None:
        until = timezone.now() + timedelta(seconds=seconds)
        row.migration_log["watch_until"] = until.isoformat()
        step_add(row, "watching", name=_name(strategy_id), seconds=seconds)

    change(upgrade_id, write)


def watched(upgrade_id: int, strategy_id: int, seconds: int) -> None:
    """Note that the canary stayed well."""

    def write(row: FreqtradeUpgrade) -> None:
        row.migration_log["watched"] = True
        step_add(row, "watched", name=_name(strategy_id), seconds=seconds)

    change(upgrade_id, write)


def complete(upgrade_id: int) -> None:
    """The new version is the current one."""
    row = operations().get(pk=upgrade_id)
    count = len(row.migration_log.get("moved") or ())
    finish(upgrade_id, State.COMPLETED, "completed", count=count)


# -- The way back -----------------------------------------------------------


def turn_back(upgrade_id: int, code: str, strategy_id: int | None, words: str) -> None:
    """Begin the way back: all that were moved stop, and none is moved any more."""

    def write(row: FreqtradeUpgrade) -> None:
        log = row.migration_log
        log["stage"] = Stage.RETURN
        # Whoever was pinned meanwhile stays where somebody wants it.
        free = set(unpinned())
        log["moved"] = [key for key in log.get("moved") or [] if key in free]
        log["back"] = log["moved"]
        log["returned"] = []
        log["watch_until"] = None
        name = "" if strategy_id is None else _name(strategy_id)
        log["why"] = step_add(
            row, f"back_{code}", name=name, problem=words or "?", who=words
        )
        for key in log["back"]:
            # They stop, and nobody may read "running" until they are proven again.
            with suppress(StrategyMissingError):
                strategy_status_set(key, Status.STARTING, only_from=WANTED_UP)

    change(upgrade_id, write)


def may_take_back(upgrade_id: int, strategy_id: int) -> bool:
    """Tell whether a strategy is still to be taken back: it may have been pinned."""
    rows = operations().filter(pk=upgrade_id, status=State.IN_PROGRESS)
    back = rows.values_list("migration_log__back", flat=True).first()
    return strategy_id in (back or ()) and strategy_id in unpinned()


def take_back(
    upgrade_id: int, strategy_id: int, code: str, data: Mapping[str, str]
) -> None:
    """Let one strategy, whose bot has ended, run on the old version again.

    ``code`` and ``data`` say what became of its trades.
    """

    def write(row: FreqtradeUpgrade) -> None:
        log = row.migration_log
        for key in ("moved", "back"):
            log[key] = [each for each in log.get(key) or [] if each != strategy_id]
        log["returned"] = [*(log.get("returned") or []), strategy_id]
        log["returned_at"] = timezone.now().isoformat()
        step_add(row, code, name=_name(strategy_id), **data)

    with transaction.atomic():
        change(upgrade_id, write)
        state = strategies_all().filter(pk=strategy_id).values_list("status", flat=True)
        if state.first() == Status.ERROR and code != "let_go":
            # Given up on the new version; the old one deserves a try.
            strategy_status_set(strategy_id, Status.STARTING, only_from={Status.ERROR})
            alert_resolve(key=f"strategy:{strategy_id}", quiet=True)


def trades_back(upgrade_id: int, strategy_id: int) -> tuple[str, dict[str, str]]:
    """Make the trades fit for the old version; return a step's code and values.

    It touches files alone, and may take a while.
    """
    if not upgrade_files.has_backup(upgrade_id, strategy_id):
        return "taken_back_empty", {}
    try:
        obstacle, path = upgrade_files.take_back(upgrade_id, strategy_id)
    except OSError as error:
        return "restore_failed", {"problem": str(error)}
    if obstacle:
        return "restored", {"obstacle": obstacle, "path": path}
    return "taken_back", {}


def finish_back(upgrade_id: int, missing: list[int]) -> None:
    """End the way back; ``missing`` do not run (yet)."""
    for strategy_id in missing:
        name = _name(strategy_id)
        change(upgrade_id, partial(said, code="not_back", name=name))
    finish(upgrade_id, State.ROLLED_BACK, "rolled_back")


def cancelled(upgrade_id: int, who: str) -> None:
    """End an operation that has moved nothing, as was asked."""
    finish(upgrade_id, State.FAILED, "cancelled", who=who)


def broken(upgrade_id: int, problem: str) -> None:
    """An error of our own: the way back, or the end where nothing was moved."""
    row = operations().filter(pk=upgrade_id).first()
    if row is None:
        return
    stage = operation_of(row).stage
    if stage in {Stage.CHECK, Stage.BACKUP}:
        finish(upgrade_id, State.FAILED, "ours", problem=problem)
        return
    if stage is Stage.MOVE:
        turn_back(upgrade_id, "ours", None, problem)
    else:
        change(upgrade_id, partial(said, code="ours", problem=problem))
        finish(upgrade_id, State.ROLLED_BACK, "rolled_back")


# -- Old copies -------------------------------------------------------------


def backups_old(lying: Collection[int]) -> list[int]:
    """Return those of the operations whose copies nobody needs any more.

    Kept are those of the newest operations, of the last days, and of whatever can still
    be rolled back.
    """
    ended = operations().exclude(status__in=OPEN).filter(pk__in=lying)
    newest = set(ended.order_by("-id").values_list("pk", flat=True)[:KEPT_OPERATIONS])
    last = upgrades().filter(status=State.COMPLETED).order_by("-completed_at")
    newest.add(last.values_list("pk", flat=True).first() or 0)
    before = timezone.now() - KEPT
    old = ended.filter(completed_at__lt=before).values_list("pk", flat=True)
    return sorted(set(old) - newest)


def backups_gone(upgrade_ids: Collection[int]) -> None:
    """Record that the copies of these operations were removed."""
    operations().filter(pk__in=upgrade_ids).update(backup_path=None)


# -- Health -----------------------------------------------------------------


def health_subject(strategy_id: int, now: datetime) -> tuple[Subject, Counts] | None:
    """Return what the health of one strategy is judged from."""
    for subject in subjects_read(now):
        if subject.strategy_id == strategy_id:
            return subject, COUNTER.counts(now)
    return None


def health_of(facts: Facts) -> Health:
    """Return the health from facts; pure."""
    rating = rate(facts)
    first = rating.reasons[0] if rating.reasons else None
    # Stored rows and logs are English.
    with override("en"):
        words = "" if first is None else reason_text(first.code, first.values)
    return Health(rating.score, rating.level, words)


def health_before(upgrade_id: int) -> Health | None:
    """Return how well the canary was before it was moved."""
    row = operations().filter(pk=upgrade_id).first()
    kept = (row.migration_log if row else {}).get("health_before")
    return Health(int(kept[0]), str(kept[1]), str(kept[2])) if kept else None


def _name(strategy_id: int) -> str:
    rows = Strategy.objects.filter(pk=strategy_id).values_list("name", flat=True)
    return str(rows.first() or f"#{strategy_id}")
