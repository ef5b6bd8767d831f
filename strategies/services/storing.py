"""What every service shares: locked rows, names that are kept, versions, the audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils.translation import gettext as _

from btc_watcher.lib.locking import lock_taken
from btc_watcher.lib.locks import STRATEGY_NAME
from btc_watcher.lib.storable import storage_problems
from strategies.cache import listed_forget
from strategies.errors import RefusedError, StrategyMissingError
from strategies.models import Strategy, StrategyVersion
from strategies.rules import (
    config_problems,
    name_problems,
    own_process_problems,
    thresholds_problems,
)
from strategies.selectors import name_taken
from strategies.versions import next_version, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accounts.models import User


def strategy_locked(strategy_id: int) -> Strategy:
    """Return a strategy that is no draft, locked until the transaction ends.

    Raises StrategyMissingError.
    """
    # Without no_key, storing a signal of the strategy would wait for us.
    rows = Strategy.objects.select_for_update(no_key=True)
    strategy = rows.filter(pk=strategy_id, is_draft=False).first()
    if strategy is None:
        raise StrategyMissingError.strategy(strategy_id)
    return strategy


def draft_locked(draft_id: int) -> Strategy:
    """Return a draft, locked until the transaction ends; StrategyMissingError."""
    rows = Strategy.objects.select_for_update(no_key=True)
    draft = rows.filter(pk=draft_id, is_draft=True).first()
    if draft is None:
        raise StrategyMissingError.draft(draft_id)
    return draft


def name_keep(name: str, *, but: int | None = None) -> None:
    """Keep ``name`` for this transaction's strategy (``but`` is its id).

    Two people who want one name at the same moment come one after the other: the
    second finds it taken. Raises RefusedError.
    """
    if problems := name_problems(name):
        raise RefusedError(problems)
    lock_taken(STRATEGY_NAME.of(name), wait=True)
    if name_taken(name, but=but):
        raise RefusedError([name_taken_sentence(name)])


def name_taken_sentence(name: str) -> str:
    """Say that somebody has the name."""
    return _("There is a strategy '%(name)s' already; choose another name.") % {
        "name": name
    }


def sound_or_refused(strategy: Strategy, *, more: Sequence[str] = ()) -> None:
    """Raise RefusedError with every sentence when the row cannot run or be stored.

    ``more`` are sentences about what the caller has checked itself.
    """
    problems = [
        *storage_problems(strategy.config, "config"),
        *storage_problems(strategy.freqtrade_config, "freqtrade_config"),
        *storage_problems(strategy.description or "", "description"),
        *type_problems(strategy.type),
        *config_problems(strategy.name, strategy.config),
        *thresholds_problems(strategy.signal_thresholds),
        *own_process_problems(strategy.freqtrade_config),
        *more,
    ]
    if problems:
        raise RefusedError(problems)


def type_problems(kind: str) -> list[str]:
    """Return a sentence when there is no such type of strategy."""
    if kind in Strategy.Type.values:
        return []
    return [
        _("'%(type)s' is no type of strategy; use one of %(types)s.")
        % {"type": kind, "types": ", ".join(Strategy.Type.values)}
    ]


def version_move(strategy: Strategy) -> None:
    """Give the strategy its next version; the caller saves it."""
    used = set(
        StrategyVersion.objects.filter(strategy=strategy).values_list(
            "version", flat=True
        )
    )
    strategy.version = next_version(strategy.version)
    while strategy.version in used:
        strategy.version = next_version(strategy.version)


def version_store(
    strategy: Strategy, *, by: User | Mapping[str, Any] | None, summary: str
) -> None:
    """Store what the strategy runs now as its active version."""
    StrategyVersion.objects.filter(strategy=strategy, is_active=True).update(
        is_active=False
    )
    StrategyVersion.objects.create(
        strategy=strategy,
        version=strategy.version,
        config_snapshot=snapshot(strategy) | {"by": who(by)},
        change_summary=summary,
        is_active=True,
    )


def who(by: User | Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return how a person is noted: {"id", "username"}."""
    if by is None or isinstance(by, Mapping):
        return dict(by) if by else None
    return {"id": by.pk, "username": by.username}


def audit(strategy: Strategy, user_id: int, message: str) -> None:
    """Note in the admin's history of the strategy what a person has done."""
    LogEntry.objects.create(
        user_id=user_id,
        content_type=ContentType.objects.get_for_model(Strategy),
        object_id=str(strategy.pk),
        object_repr=strategy.name[:200],
        action_flag=CHANGE,
        change_message=message,
    )


def list_changed() -> None:
    """Drop the cached list once this transaction is committed."""
    transaction.on_commit(listed_forget, robust=True)
