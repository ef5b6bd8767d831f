"""Upgrades as pages, the API and the terminal show them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone

from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.selectors import current_version
from freqtrade_mgmt.trial.words import Sentence
from freqtrade_mgmt.upgrades.log import OPEN, moment_of, operation_of, operations
from freqtrade_mgmt.upgrades.plan import Operation, Stage
from freqtrade_mgmt.upgrades.words import shown
from strategies.selectors import strategies_all

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

PENDING: Final = "pending"
WATCH: Final = "watch"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of an operation's log, in the language of the person who looks."""

    at: datetime | None
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class StrategyShown:
    """A strategy in an operation.

    ``check`` is waiting, loads, fails or left (on the old version), with its sentence
    and warnings; ``state`` is waiting, moving, watched, proven, going_back, returned,
    left, stopped or missing (deleted, or pinned meanwhile).
    """

    id: int
    name: str
    wanted: bool
    check: str
    reason: str
    warnings: tuple[str, ...]
    state: str
    canary: bool


@dataclass(frozen=True, slots=True)
class UpgradeShown:
    """An upgrade, downgrade or check.

    ``stage`` is pending, check, backup, move, watch, return or ended; ``watch_left``
    the seconds that the canary is still watched, None outside of the watch.
    ``can_roll_back`` and ``can_cancel`` say which of the two may be asked for.
    """

    id: int
    type: str
    only_check: bool
    from_version: str
    to_version: str
    status: str
    stage: str
    started_at: datetime
    completed_at: datetime | None
    by: str
    error: str
    backup_path: str
    watch_left: int | None
    can_roll_back: bool
    can_cancel: bool
    strategies: tuple[StrategyShown, ...]
    steps: tuple[Step, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return asdict(self)


def upgrades_listed(limit: int = 50) -> list[UpgradeShown]:
    """Return upgrades, downgrades and checks, the newest first."""
    rows = operations().select_related("user").order_by("-id")[:limit]
    return [_shown(row) for row in rows]


def upgrade(upgrade_id: int) -> UpgradeShown | None:
    """Return one of them with its report and its steps."""
    row = operations().select_related("user").filter(pk=upgrade_id).first()
    return None if row is None else _shown(row)


def upgrade_open() -> UpgradeShown | None:
    """Return the one that is pending or under way."""
    row = operations().select_related("user").filter(status__in=OPEN).first()
    return None if row is None else _shown(row)


def upgrade_last_completed() -> int | None:
    """Return the number of the upgrade that can be rolled back after its end."""
    done = operations().filter(
        status=FreqtradeUpgrade.Status.COMPLETED, migration_log__only_check__isnull=True
    )
    last = done.order_by("-completed_at").first()
    if last is None or last.to_version != current_version():
        return None
    return last.pk


def _shown(row: FreqtradeUpgrade) -> UpgradeShown:
    log, op = row.migration_log, operation_of(row)
    is_open = row.status in OPEN
    left = moment_of(log.get("watch_until")) if is_open and not op.watched else None
    watching = left is not None and op.stage is Stage.MOVE
    seconds = (left - timezone.now()).total_seconds() if left is not None else 0.0
    return UpgradeShown(
        id=row.pk,
        type=row.upgrade_type,
        only_check=bool(log.get("only_check")),
        from_version=row.from_version or "",
        to_version=row.to_version,
        status=row.status,
        stage=_stage(row, op, watching=watching),
        started_at=row.started_at,
        completed_at=row.completed_at,
        by=row.user.get_username() if row.user else "",
        error=row.error_message or "",
        backup_path=row.backup_path or "",
        watch_left=max(0, round(seconds)) if watching else None,
        can_roll_back=_can_roll_back(row, op),
        can_cancel=is_open and not op.moved and op.stage is not Stage.RETURN,
        strategies=_strategies(log, op),
        steps=tuple(
            Step(moment_of(each.get("at")), str(each.get("step")), shown(each))
            for each in log.get("steps") or []
        ),
    )


def _can_roll_back(row: FreqtradeUpgrade, op: Operation) -> bool:
    if row.status in OPEN:
        return bool(op.moved) and op.stage is not Stage.RETURN
    return row.pk == upgrade_last_completed()


def _stage(row: FreqtradeUpgrade, op: Operation, *, watching: bool) -> str:
    if row.status == FreqtradeUpgrade.Status.PENDING:
        return PENDING
    if row.status not in OPEN:
        return "ended"
    return WATCH if watching else str(op.stage)


def _strategies(log: Mapping[str, Any], op: Operation) -> tuple[StrategyShown, ...]:
    """Return the report on every strategy; those that came later have none."""
    report = {int(key): value for key, value in (log.get("check") or {}).items()}
    ids = {*report, *op.moved, *op.back, *op.returned}
    now = {
        key: (name, bool(pin))
        for key, name, pin in strategies_all()
        .filter(pk__in=ids)
        .values_list("id", "name", "freqtrade_config__version")
    }
    left = set(log.get("left") or ())
    return tuple(
        _strategy(key, report.get(key) or {}, op, now.get(key), is_left=key in left)
        for key in sorted(ids, key=lambda key: (key != op.canary, key))
    )


def _strategy(
    key: int,
    known: Mapping[str, Any],
    op: Operation,
    now: tuple[str, bool] | None,
    *,
    is_left: bool,
) -> StrategyShown:
    name = now[0] if now is not None else str(known.get("name") or f"#{key}")
    if is_left:
        state = "left"
    elif now is None or now[1]:
        state = "missing"
    else:
        state = _state(key, op, wanted=bool(known.get("wanted", True)))
    return StrategyShown(
        id=key,
        name=name,
        wanted=bool(known.get("wanted", True)),
        check=str(known.get("state") or ""),
        reason=_sentence(known.get("reason"), str(known.get("reason_text") or "")),
        warnings=tuple(
            _sentence(each, str(text))
            for each, text in zip(
                known.get("warnings") or [],
                known.get("warning_texts") or [],
                strict=False,
            )
        ),
        state=state,
        canary=key == op.canary,
    )


def _state(key: int, op: Operation, *, wanted: bool) -> str:
    if key in op.back:
        return "going_back"
    if key in op.returned:
        return "returned"
    if key in op.proven:
        watched = key == op.canary and op.watch_until is not None and not op.watched
        return "watched" if watched else "proven"
    if key in op.moved:
        return "moving"
    return "waiting" if wanted else "stopped"


def _sentence(stored: object, fallback: str) -> str:
    try:
        if isinstance(stored, dict):
            kept = Sentence(stored["code"], stored["values"], stored.get("line"))
            return kept.shown()
    except (KeyError, TypeError, ValueError):
        # Stored by another version of ours, whose sentence had other values.
        return fallback
    return fallback
