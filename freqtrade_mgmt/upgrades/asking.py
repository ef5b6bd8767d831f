"""Asking for an upgrade, a downgrade, the way back, or only a check.

What is asked for is a row; the supervisor carries it out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.locking import lock_taken
from btc_watcher.lib.locks import FREQTRADE_UPGRADE
from freqtrade_mgmt.leases.managing import holders
from freqtrade_mgmt.leases.where import only_here
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.releases import version_checked, version_key
from freqtrade_mgmt.selectors import current_version, upgrades
from freqtrade_mgmt.upgrades.log import (
    OPEN,
    ended,
    operation_locked,
    operations,
    saved,
    step_add,
)
from freqtrade_mgmt.upgrades.plan import Stage
from freqtrade_mgmt.upgrades.telling import tell_started
from strategies.lifecycle import WANTED_UP
from strategies.selectors import strategies_all, strategy_by_id

if TYPE_CHECKING:
    from collections.abc import Collection

    from accounts.models import User

WATCH_SECONDS: Final = 600
LONGEST_WATCH: Final = 7 * 86_400


class UpgradeRefusedError(BtcWatcherError):
    """An upgrade, a check or a roll-back that cannot be begun."""


@transaction.atomic
def upgrade_request(
    to_version: str,
    *,
    user: User | None = None,
    canary: int | None = None,
    watch_seconds: int = WATCH_SECONDS,
    leave_failing: bool = False,
    skip: Collection[int] = (),
) -> FreqtradeUpgrade:
    """Ask for all strategies without a pin to move to an installed version.

    ``canary`` (strategies.id) goes first and is watched for ``watch_seconds``; without
    one it is chosen. With ``leave_failing`` those that do not load on the new version
    are pinned to the old one, and so are those in ``skip``. An older version makes it a
    downgrade. Raises UpgradeRefusedError with a sentence, or ConfigurationError for
    what is no version.
    """
    _check_canary(canary, skip)
    if not 0 <= watch_seconds <= LONGEST_WATCH:
        raise UpgradeRefusedError(
            _("A canary can be watched for 0 to %(most)s seconds, not %(given)s.")
            % {"most": LONGEST_WATCH, "given": watch_seconds}
        )
    options = {
        "canary": canary,
        "watch_seconds": watch_seconds,
        "leave_failing": leave_failing,
        "skip": sorted(set(skip)),
    }
    row = _request(to_version, user, {"options": options})
    step_add(row, "requested")
    row.save()
    tell_started(row)
    return row


@transaction.atomic
def check_request(to_version: str, *, user: User | None = None) -> FreqtradeUpgrade:
    """Ask whether the strategies load on an installed version; nothing is moved.

    Raises as ``upgrade_request``.
    """
    row = _request(to_version, user, {"only_check": True, "options": {}})
    step_add(row, "check_requested")
    row.save()
    return row


@transaction.atomic
def rollback_request(upgrade_id: int, *, user: User | None = None) -> FreqtradeUpgrade:
    """Ask for everything to go back, during an operation or after its completion.

    Raises UpgradeRefusedError, with the reason, when there is nothing to go back from
    or the old version has gone.
    """
    _alone()
    row = _found(upgrade_id)
    if row.status in OPEN:
        return _stop(row, user)
    if row.status != FreqtradeUpgrade.Status.COMPLETED or _only_checks(row):
        raise UpgradeRefusedError(
            _("Operation %(id)s is %(status)s; there is nothing to go back from.")
            % {"id": upgrade_id, "status": row.get_status_display()}
        )
    _check_none_open()
    _check_one_node()
    newest = upgrades().filter(status=FreqtradeUpgrade.Status.COMPLETED)
    later = newest.filter(completed_at__gt=row.completed_at).first()
    if later is not None or current_version() != row.to_version:
        raise UpgradeRefusedError(
            _(
                "freqtrade %(version)s is not the current version any more. Only the last"
                " upgrade can be rolled back; to get to %(old)s, upgrade to it."
            )
            % {"version": row.to_version, "old": row.from_version}
        )
    _check_installed(str(row.from_version))
    return _back_from_completed(row, user)


@transaction.atomic
def upgrade_cancel(upgrade_id: int, *, user: User | None = None) -> FreqtradeUpgrade:
    """Ask for an operation to end; what it has moved goes back.

    Raises UpgradeRefusedError when it has ended already.
    """
    row = _found(upgrade_id)
    if row.status not in OPEN:
        raise UpgradeRefusedError(
            _("Operation %(id)s has ended already (%(status)s).")
            % {"id": upgrade_id, "status": row.get_status_display()}
        )
    return _stop(row, user)


def _stop(row: FreqtradeUpgrade, user: User | None) -> FreqtradeUpgrade:
    who = _name(user)
    if row.status == FreqtradeUpgrade.Status.PENDING:
        # Nobody has begun, so nobody has to end it.
        words = step_add(row, "cancelled", who=who)
        ended(row, FreqtradeUpgrade.Status.FAILED, words)
    elif not row.migration_log.get("stop"):
        row.migration_log["stop"] = {"who": who, "at": timezone.now().isoformat()}
        step_add(row, "asked_back", who=who)
        saved(row)
    return row


def _back_from_completed(row: FreqtradeUpgrade, user: User | None) -> FreqtradeUpgrade:
    """Begin the way back of what is over: everything without a pin is on the new one."""
    ids = _unpinned_ids()
    row.status = FreqtradeUpgrade.Status.IN_PROGRESS
    row.completed_at = None
    row.migration_log |= {
        "stage": Stage.RETURN,
        "moved": ids,
        "back": ids,
        "returned": [],
        "stop": {"who": _name(user), "at": timezone.now().isoformat()},
    }
    step_add(row, "back_asked", who=_name(user))
    saved(row)
    return row


def _request(
    to_version: str, user: User | None, log: dict[str, Any]
) -> FreqtradeUpgrade:
    version_checked(to_version)
    _alone()
    _check_one_node()
    _check_none_open()
    _check_installed(to_version)
    current = current_version()
    if current == to_version:
        raise UpgradeRefusedError(
            _("freqtrade %(version)s is the current version already.")
            % {"version": to_version}
        )
    down = version_key(to_version) < version_key(current or "")
    kinds = FreqtradeUpgrade.Type
    return FreqtradeUpgrade(
        from_version=current,
        to_version=to_version,
        upgrade_type=kinds.DOWNGRADE if down else kinds.UPGRADE,
        status=FreqtradeUpgrade.Status.PENDING,
        started_at=timezone.now(),
        migration_log=log,
        user=user,
    )


def _alone() -> None:
    """Wait until nobody else asks: two at once would both find nothing under way."""
    lock_taken(FREQTRADE_UPGRADE, wait=True)


def _found(upgrade_id: int) -> FreqtradeUpgrade:
    row = operation_locked(upgrade_id)
    if row is None:
        raise UpgradeRefusedError(
            _("There is no upgrade or downgrade with the number %(id)s.")
            % {"id": upgrade_id}
        )
    return row


def _check_none_open() -> None:
    other = operations().filter(status__in=OPEN).first()
    if other is not None:
        raise UpgradeRefusedError(
            _(
                "Operation %(id)s (freqtrade %(operation)s) is under way. Wait for its end,"
                " or cancel it."
            )
            % {"id": other.pk, "operation": str(other)}
        )


def _check_one_node() -> None:
    names = holders()
    if len(names) > 1:
        raise UpgradeRefusedError(
            _(
                "The strategies run on several nodes (%(nodes)s), and an upgrade is watched"
                " on one. Empty all but one with: manage.py nodes drain NAME; then ask"
                " again."
            )
            % {"nodes": ", ".join(names)}
        )


def _check_installed(version: str) -> None:
    # Locked, so that it cannot be uninstalled at this moment.
    rows = FreqtradeVersion.objects.select_for_update(no_key=True)
    row = rows.filter(version=version, is_installed=True).first()
    if row is None or not row.install_path:
        raise UpgradeRefusedError(
            _("freqtrade %(version)s is not installed. Install it first.")
            % {"version": version}
        )
    lies_there = (Path(row.install_path) / "bin" / "python").exists()
    if not lies_there and only_here():
        raise UpgradeRefusedError(
            _("The environment of freqtrade %(version)s has gone. Install it again.")
            % {"version": version}
        )


def _check_canary(canary: int | None, skip: Collection[int]) -> None:
    if canary is None:
        return
    strategy = strategy_by_id(canary)
    if strategy is None:
        raise UpgradeRefusedError(
            _("There is no strategy with the number %(id)s.") % {"id": canary}
        )
    runs = strategy.status in WANTED_UP
    if runs and canary not in skip and not strategy.freqtrade_config.get("version"):
        return
    raise UpgradeRefusedError(
        _(
            "Strategy '%(name)s' cannot go first: it does not run, is pinned to a version,"
            " or is left out. Choose one that runs."
        )
        % {"name": strategy.name}
    )


def _unpinned_ids() -> list[int]:
    rows = strategies_all().values_list("id", "freqtrade_config__version")
    return sorted(key for key, pin in rows if not pin)


def _only_checks(row: FreqtradeUpgrade) -> bool:
    return bool(row.migration_log.get("only_check"))


def _name(user: User | None) -> str:
    # The terminal of this machine asks without a name.
    return "manage.py" if user is None else str(user.get_username())
