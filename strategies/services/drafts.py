"""Drafts: kept on the server until they are published, discarded or expire."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.storable import storage_problems
from strategies.drafts import (
    TRIAL_FROM,
    draft_problems,
    expires_at,
    is_edit,
    overtaken,
    trial_needed,
)
from strategies.errors import RefusedError, StrategyMissingError
from strategies.models import Status, Strategy
from strategies.rules import (
    DEFAULT_THRESHOLDS,
    name_cleaned,
    name_problems,
    own_process_problems,
)
from strategies.selectors import name_taken, strategy_by_id
from strategies.services.changing import Changes, change_apply
from strategies.services.health import health_merge
from strategies.services.proxying import proxy_assigned, proxy_problems
from strategies.services.storing import (
    draft_locked,
    list_changed,
    name_keep,
    name_taken_sentence,
    strategy_locked,
    type_problems,
    version_store,
    who,
)
from strategies.versions import DRAFT_KEYS, FIRST, config_run, plain, without_live

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accounts.models import User

logger = logging.getLogger(__name__)

CONTENT = (
    "name",
    "description",
    "type",
    "config",
    "freqtrade_config",
    "signal_thresholds",
)


@transaction.atomic
def draft_save(  # noqa: PLR0913 - what a row is made of
    *,
    draft_id: int | None = None,
    of: Strategy | int | None = None,
    by: User | None,
    name: str,
    description: str = "",
    type: str = Strategy.Type.SIGNAL_MONITOR,  # noqa: A002 - the name of the column
    config: Mapping[str, Any],
    freqtrade_config: Mapping[str, Any],
    signal_thresholds: Mapping[str, Any],
) -> Strategy:
    """Store a draft as it is, however incomplete, for 14 days from now.

    ``draft_id`` is the draft to replace; without it a new one is made, of the strategy
    ``of`` (row or id) or of something new. A change takes back the trial that was
    asked for before. Raises StrategyMissingError, or RefusedError for what cannot even
    be stored.
    """
    draft = _new_draft(of, by) if draft_id is None else draft_locked(draft_id)
    before = _content(draft)
    draft.name = name_cleaned(name)
    draft.description, draft.type = description, str(type)
    own = {key: draft.config[key] for key in DRAFT_KEYS & draft.config.keys()}
    draft.config = config_run(config) | own | {"saved_by": who(by)}
    draft.freqtrade_config = without_live(freqtrade_config)
    draft.signal_thresholds = plain(signal_thresholds)
    _storable_or_refused(draft)
    if _content(draft) != before:
        draft.health_metrics.pop("trial", None)
    draft.draft_expires_at = expires_at(timezone.now())
    draft.save()
    return draft


def draft_check(draft: Strategy) -> list[str]:
    """Return a sentence for everything that keeps a draft from being published."""
    parent = draft.parent_strategy if is_edit(draft) else None
    return _problems(draft, parent)


@transaction.atomic
def draft_trial_ask(draft_id: int) -> Strategy:
    """Ask the supervisor to load the draft once and to publish it when that works.

    Asking again while it waits or runs changes nothing. Raises StrategyMissingError,
    or RefusedError with the sentences of draft_check.
    """
    draft = draft_locked(draft_id)
    if problems := draft_check(draft):
        raise RefusedError(problems)
    if (draft.health_metrics.get("trial") or {}).get("state") not in {
        "wanted",
        "running",
    }:
        asked_at = timezone.now().isoformat()
        _trial_write(draft, {"state": "wanted", "asked_at": asked_at})
    return draft


@transaction.atomic
def trial_state_set(
    draft_id: int,
    state: str,
    *,
    reason: str = "",
    warnings: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> bool:
    """Record how far a draft's trial is: wanted, running, passed or failed.

    Returns False, and writes nothing, when that trial is not the draft's any more: it
    was changed, discarded or published meanwhile. A trial is ``running`` before it can
    pass.
    """
    drafts = Strategy.objects.select_for_update(no_key=True)
    draft = drafts.filter(pk=draft_id, is_draft=True).first()
    trial = draft.health_metrics.get("trial") if draft is not None else None
    if draft is None or not trial or trial.get("state") not in TRIAL_FROM[state]:
        return False
    _trial_write(
        draft,
        {
            "state": state,
            "reason": reason,
            "warnings": list(warnings),
            "asked_at": trial.get("asked_at"),
            "facts": dict(facts or {}),
        },
    )
    return True


@transaction.atomic
def draft_publish(draft_id: int) -> Strategy:
    """Make the strategy of a draft and return it.

    A draft of something new becomes the strategy; a draft of an edit is applied to the
    strategy as a new version and removed. Called again, the first kind returns the
    strategy and the second raises StrategyMissingError: nothing is published twice.
    Raises RefusedError with sentences when something is missing, the strategy was
    changed meanwhile, or the code was not tried.
    """
    rows = Strategy.objects.select_for_update(no_key=True)
    draft = rows.filter(pk=draft_id).first()
    if draft is None:
        raise StrategyMissingError.draft(draft_id)
    if not draft.is_draft:
        return draft
    parent = strategy_locked(draft.parent_strategy_id or 0) if is_edit(draft) else None
    problems = _problems(draft, parent)
    state = (draft.health_metrics.get("trial") or {}).get("state")
    if not problems and trial_needed(draft, parent) and state != "passed":
        problems = [
            _("The code of '%(name)s' was not tried yet; ask for the trial first.")
            % {"name": draft.name}
        ]
    if problems:
        raise RefusedError(problems)
    return _publish_new(draft) if parent is None else _publish_edit(draft, parent)


@transaction.atomic
def draft_delete(draft_id: int, *, by: User | None) -> None:
    """Discard a draft. Raises StrategyMissingError."""
    draft = draft_locked(draft_id)
    logger.info("Draft %d was discarded by %s.", draft.pk, by or "the system")
    draft.delete()


def _publish_new(draft: Strategy) -> Strategy:
    name_keep(draft.name)
    by = draft.config.get("saved_by")
    draft.config = config_run(draft.config)
    draft.signal_thresholds = draft.signal_thresholds or dict(DEFAULT_THRESHOLDS)
    draft.is_draft, draft.draft_expires_at = False, None
    draft.version, draft.status = FIRST, Status.STOPPED
    draft.health_metrics = _trial_kept(draft)
    draft.save()
    version_store(draft, by=by, summary="")
    proxy_assigned(draft.freqtrade_config)
    list_changed()
    return draft


def _publish_edit(draft: Strategy, parent: Strategy) -> Strategy:
    changes: Changes = {
        "name": draft.name,
        "description": draft.description,
        "type": draft.type,
        "config": draft.config,
        "freqtrade_config": draft.freqtrade_config,
        "signal_thresholds": draft.signal_thresholds,
    }
    by = draft.config.get("saved_by")
    change_apply(parent, changes, by=by, summary="")
    if kept := _trial_kept(draft):
        health_merge(parent.pk, kept)
    draft.delete()
    return parent


def _trial_kept(draft: Strategy) -> dict[str, Any]:
    """Return the trial that let a draft through: what it remarked outlives the draft."""
    trial = draft.health_metrics.get("trial") or {}
    return {"trial": trial} if trial.get("state") == "passed" else {}


def _new_draft(of: Strategy | int | None, by: User | None) -> Strategy:
    draft = Strategy(is_draft=True, created_by=by)
    if of is None:
        return draft
    strategy_id = of if isinstance(of, int) else of.pk
    parent = strategy_by_id(strategy_id)
    if parent is None:
        raise StrategyMissingError.strategy(strategy_id)
    draft.parent_strategy = parent
    draft.config = {"editing": True, "base_version": parent.version}
    return draft


def _content(draft: Strategy) -> list[Any]:
    values = [getattr(draft, name) for name in CONTENT]
    return [config_run(v) if isinstance(v, dict) else v for v in values]


def _storable_or_refused(draft: Strategy) -> None:
    problems = [
        *(name_problems(draft.name) if draft.name else []),
        *type_problems(draft.type),
        *storage_problems(draft.description or "", "description"),
        *storage_problems(draft.config, "config"),
        *storage_problems(draft.freqtrade_config, "freqtrade_config"),
        *storage_problems(draft.signal_thresholds, "signal_thresholds"),
    ]
    if problems:
        raise RefusedError(problems)


def _problems(draft: Strategy, parent: Strategy | None) -> list[str]:
    problems = draft_problems(draft)
    if draft.name and name_taken(draft.name, but=parent.pk if parent else None):
        problems.append(name_taken_sentence(draft.name))
    if parent is not None and (sentence := overtaken(draft, parent)):
        problems.append(sentence)
    before = parent.freqtrade_config if parent is not None else None
    problems += proxy_problems(draft.freqtrade_config, before)
    problems += own_process_problems(draft.freqtrade_config)
    return problems


def _trial_write(draft: Strategy, values: Mapping[str, Any]) -> None:
    empty: dict[str, Any] = {"reason": "", "warnings": [], "facts": {}}
    draft.health_metrics["trial"] = empty | dict(values)
    health_merge(draft.pk, {"trial": draft.health_metrics["trial"]})
