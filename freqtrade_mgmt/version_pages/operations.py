"""One operation, and their history, as pages and the API show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.core.paginator import Paginator
from django.utils import timezone
from django.utils.translation import gettext as _

from freqtrade_mgmt.cache.installs import operations_progress_read
from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.upgrades import reading, words
from freqtrade_mgmt.upgrades.log import moment_of
from freqtrade_mgmt.version_pages.stages import (
    Outcome,
    StageShown,
    install_stages,
    upgrade_stages,
)
from freqtrade_mgmt.version_pages.words import CHECK, KINDS, STATES, said
from freqtrade_mgmt.versions.journal import OPEN, Status, Type
from freqtrade_mgmt.versions.words import step_shown
from strategies.selectors import strategies_all

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.core.paginator import Page
    from django.db.models import QuerySet

# Whoever waits longer than this waits for somebody who is not there.
PATIENCE_SECONDS: Final = 15
PAGE: Final = 30


@dataclass(frozen=True, slots=True)
class Bar:
    """How far it is: ``percent`` None while nobody can know; sizes in bytes."""

    percent: int | None
    size: int = 0
    total: int = 0
    done: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class StepShown:
    """One line of the log, in the reader's language."""

    at: datetime | None
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Canary:
    """The strategy that goes first: its health now and before, 0 to 100 or None.

    ``watch_left`` are the seconds of its watch that are left, ``watch`` all of them.
    """

    id: int
    name: str
    score: int | None
    level: str
    checked_at: datetime | None
    before: int | None
    watch: int
    watch_left: int | None
    watched: int


@dataclass(frozen=True, slots=True)
class OperationShown:
    """An operation of any kind: install, upgrade, downgrade or check.

    ``waits_for`` is the number of the operation that has to end first; ``deserted``
    tells that nobody has taken it up for a while. ``seconds`` is how long it has lasted.
    ``upgrade`` is the report on the strategies, None for an installation.
    """

    id: int
    kind: str
    from_version: str
    to_version: str
    status: str
    open: bool
    by: str
    started_at: datetime
    completed_at: datetime | None
    seconds: float
    error: str
    backup_path: str = ""
    waits_for: int | None = None
    deserted: bool = False
    cancelling: bool = False
    can_cancel: bool = False
    can_roll_back: bool = False
    bar: Bar | None = None
    stages: tuple[StageShown, ...] = ()
    steps: tuple[StepShown, ...] = ()
    canary: Canary | None = None
    upgrade: reading.UpgradeShown | None = None
    proxy: int | None = None

    @property
    def kind_label(self) -> str:
        """What it is called."""
        return str(KINDS[self.kind])

    @property
    def status_label(self) -> str:
        """How far it is, in a word."""
        return str(STATES.get(self.status, self.status))

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        values = {"from": self.from_version, "to": self.to_version}
        titles = {
            "install": _("Installation of freqtrade %(to)s"),
            "upgrade": _("Upgrade %(from)s → %(to)s"),
            "downgrade": _("Downgrade %(from)s → %(to)s"),
            CHECK: _("Check against freqtrade %(to)s"),
        }
        return titles[self.kind] % values

    @property
    def problem(self) -> str:
        """The first line of the error; ``output`` are the others, what a tool said."""
        return self.error.partition("\n")[0]

    @property
    def output(self) -> str:
        """The further lines of the error."""
        return self.error.partition("\n")[2].strip("\n")

    @property
    def stage(self) -> StageShown | None:
        """The stage that goes on now."""
        return next((each for each in self.stages if each.state == "now"), None)


def operation_shown(operation_id: int) -> OperationShown | None:
    """Return an operation with all that its page shows."""
    rows = FreqtradeUpgrade.objects.select_related("user").filter(pk=operation_id)
    row = rows.first()
    if row is None:
        return None
    now = timezone.now()
    return _install(row, now) if row.upgrade_type == Type.INSTALL else _move(row, now)


def operations_open() -> list[OperationShown]:
    """Return what is pending or under way, in the order in which it was asked for."""
    rows = FreqtradeUpgrade.objects.filter(status__in=OPEN).order_by("id")
    found = (operation_shown(key) for key in rows.values_list("pk", flat=True))
    return [each for each in found if each is not None]


def operations_page(
    number: str | int | None, *, kind: str = ""
) -> Page[OperationShown]:
    """Return a page of the history, the newest first, without stages and steps."""
    page: Page[Any] = Paginator(_history(kind), PAGE).get_page(number)
    now = timezone.now()
    page.object_list = [OperationShown(**_facts(row, now)) for row in page.object_list]
    return page


def operations_before(
    number: int | None, *, kind: str = "", limit: int
) -> list[OperationShown]:
    """Return up to ``limit`` operations older than ``number``, the newest first."""
    rows = _history(kind)
    if number is not None:
        rows = rows.filter(id__lt=number)
    now = timezone.now()
    return [OperationShown(**_facts(row, now)) for row in rows[:limit]]


def _history(kind: str) -> QuerySet[FreqtradeUpgrade]:
    rows = FreqtradeUpgrade.objects.select_related("user").order_by("-id")
    if kind == CHECK:
        return rows.filter(migration_log__only_check=True)
    if kind in KINDS:
        return rows.filter(upgrade_type=kind, migration_log__only_check__isnull=True)
    return rows


def _facts(row: FreqtradeUpgrade, now: datetime) -> dict[str, Any]:
    log = row.migration_log
    ended = row.completed_at or now
    return {
        "id": row.pk,
        "kind": CHECK if log.get("only_check") else row.upgrade_type,
        "from_version": row.from_version or "",
        "to_version": row.to_version,
        "status": row.status,
        "open": row.status in OPEN,
        "by": row.user.get_username() if row.user else "",
        "started_at": row.started_at,
        "completed_at": row.completed_at,
        "seconds": max(0.0, (ended - row.started_at).total_seconds()),
        "error": _error(row),
        "backup_path": row.backup_path or "",
    }


def _error(row: FreqtradeUpgrade) -> str:
    """Return why it failed: a step says the same in the reader's language."""
    text = row.error_message or ""
    for step in reversed(row.migration_log.get("steps") or []):
        if text and step.get("words") == text:
            return words.shown(step)
    return said(text)


def _waiting(row: FreqtradeUpgrade, now: datetime) -> dict[str, Any]:
    """Tell what keeps an operation from being begun, if anything does."""
    if row.status != Status.PENDING:
        return {}
    install = row.upgrade_type == Type.INSTALL
    alike = FreqtradeUpgrade.objects.filter(status__in=OPEN, pk__lt=row.pk)
    same = {"upgrade_type": Type.INSTALL}
    rows = alike.filter(**same) if install else alike.exclude(**same)
    other = rows.order_by("id").values_list("pk", flat=True).first()
    waited = (now - row.started_at).total_seconds() > PATIENCE_SECONDS
    return {"waits_for": other, "deserted": other is None and waited}


def _install(row: FreqtradeUpgrade, now: datetime) -> OperationShown:
    log = row.migration_log
    steps = [step for step in log.get("steps") or [] if isinstance(step, dict)]
    is_open = row.status in OPEN
    live = operations_progress_read([row.pk]).get(row.pk) if is_open else None
    done = row.status == Status.COMPLETED
    outcome = Outcome(is_open, done, now)
    cancelling = is_open and bool(log.get("cancel"))
    return OperationShown(
        **_facts(row, now),
        **_waiting(row, now),
        cancelling=cancelling,
        can_cancel=is_open and not cancelling,
        bar=_bytes(live or log.get("progress") or {}) if is_open else None,
        stages=() if _found_there(steps) else tuple(install_stages(steps, outcome)),
        steps=tuple(
            StepShown(
                moment_of(step.get("at")), str(step.get("step")), step_shown(step)
            )
            for step in steps
        ),
        proxy=log.get("proxy"),
    )


def _found_there(steps: list[dict[str, Any]]) -> bool:
    return any(step.get("step") == "there_already" for step in steps)


def _bytes(progress: Mapping[str, Any]) -> Bar:
    percent = progress.get("percent")
    return Bar(
        percent=percent if isinstance(percent, int) else None,
        size=int(progress.get("bytes") or 0),
        total=int(progress.get("total") or 0),
    )


def _move(row: FreqtradeUpgrade, now: datetime) -> OperationShown:
    report = reading.upgrade(row.pk)
    if report is None:
        raise LookupError(f"Operation {row.pk} was removed.")
    log = row.migration_log
    is_open = row.status in OPEN
    outcome = Outcome(is_open, row.status == Status.COMPLETED, now)
    steps = [step for step in log.get("steps") or [] if isinstance(step, dict)]
    stopping = is_open and bool(log.get("stop"))
    return OperationShown(
        **_facts(row, now),
        **_waiting(row, now),
        cancelling=stopping,
        can_cancel=report.can_cancel and not stopping,
        can_roll_back=report.can_roll_back and not stopping,
        bar=_strategies(report) if is_open else None,
        stages=tuple(upgrade_stages(steps, outcome, only_check=report.only_check)),
        steps=tuple(StepShown(each.at, each.code, each.words) for each in report.steps),
        canary=_canary(log, report),
        upgrade=report,
    )


def _strategies(report: reading.UpgradeShown) -> Bar:
    """Return how many strategies have come through the stage that goes on."""
    wanted = [each for each in report.strategies if each.wanted]
    if report.stage == "check":
        tried = [each for each in report.strategies if each.check != "left"]
        done = sum(each.check in {"loads", "fails"} for each in tried)
        return _counted(done, len(tried))
    if report.stage in {"move", "watch"}:
        moving = [each for each in wanted if each.state not in {"left", "missing"}]
        return _counted(sum(each.state == "proven" for each in moving), len(moving))
    if report.stage == "return":
        back = [each for each in wanted if each.state in {"going_back", "returned"}]
        return _counted(sum(each.state == "returned" for each in back), len(back))
    return Bar(None)


def _counted(done: int, count: int) -> Bar:
    return Bar(done * 100 // count if count else None, done=done, count=count)


def _canary(log: Mapping[str, Any], report: reading.UpgradeShown) -> Canary | None:
    first = next((each for each in report.strategies if each.canary), None)
    if first is None:
        return None
    rows = strategies_all().filter(pk=first.id).values_list("health_metrics", flat=True)
    health = (rows.first() or {}).get("health") or {}
    before = log.get("health_before") or [None]
    watch = int((log.get("options") or {}).get("watch_seconds") or 0)
    left = report.watch_left
    return Canary(
        id=first.id,
        name=first.name,
        score=health.get("score"),
        level=str(health.get("level") or "none"),
        checked_at=moment_of(health.get("checked_at")),
        before=before[0],
        watch=watch,
        watch_left=left,
        watched=watch - left if left is not None else watch,
    )
