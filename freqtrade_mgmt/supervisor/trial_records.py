"""What trials read and write in the database, off the supervisor's event loop."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from django.db import Error as DatabaseError
from django.db import transaction

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.bot_extra import OUR_KEYS, settings_check
from freqtrade_mgmt.selectors import environment_python
from freqtrade_mgmt.strategy_code import strategy_check
from freqtrade_mgmt.supervisor.trial_process import Program
from freqtrade_mgmt.trial.verdict import Outcome, Tried, failed
from freqtrade_mgmt.trial.words import StrategyCodeError
from signals_app.strategy_rules import strength_rule_of
from strategies.models import Strategy
from strategies.services import draft_publish, trial_state_set

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

OPEN: Final = ("wanted", "running")
_TRIED: Final = (
    "name",
    "description",
    "type",
    "config",
    "freqtrade_config",
    "signal_thresholds",
)


@dataclass(frozen=True)
class Order:
    """A trial to make: of one draft, as it was when it was asked for."""

    draft_id: int
    fingerprint: str
    program: Program
    tried: Tried


def trials_open() -> list[int]:
    """Return the drafts whose trial is asked for, or was left behind; oldest first."""
    return list(
        Strategy.objects.filter(is_draft=True, health_metrics__trial__state__in=OPEN)
        .order_by("health_metrics__trial__asked_at", "id")
        .values_list("id", flat=True)
    )


def trial_begin(draft_id: int) -> Order | None:
    """Mark a trial as running and return how to make it.

    None when it is not wanted any more, or when the file is refused unread, which is
    recorded then.
    """
    draft = Strategy.objects.filter(pk=draft_id, is_draft=True).first()
    if draft is None or not trial_state_set(draft_id, "running"):
        return None
    fingerprint = _fingerprint(draft)
    try:
        return order_of(draft, fingerprint)
    except StrategyCodeError as error:
        outcome = Outcome(passed=False, reason=error.sentence)
    except BtcWatcherError as error:
        outcome = failed("setting", problem=error.message)
    except DatabaseError:
        raise
    except Exception as error:
        # Unrecorded, it would be begun again every second.
        logger.exception("The trial of draft %s could not be prepared.", draft_id)
        outcome = failed("ours", problem=f"{type(error).__name__}: {error}")
    trial_finish(draft_id, fingerprint, outcome)
    return None


@transaction.atomic
def trial_finish(draft_id: int, fingerprint: str, outcome: Outcome) -> str:
    """Record a verdict, publish the draft when it passed, and return what was done.

    "published", "failed", or "dropped" when it is a verdict about something else than
    what the draft holds now: it was edited, discarded or published meanwhile.
    """
    draft = (
        Strategy.objects.select_for_update(no_key=True)
        .filter(pk=draft_id, is_draft=True)
        .first()
    )
    if draft is None:
        return "dropped"
    if _fingerprint(draft) != fingerprint:
        if _trial(draft).get("state") == "running":
            _record(draft_id, failed("changed"))
        return "dropped"
    if outcome.passed:
        try:
            with transaction.atomic():
                if not _record(draft_id, outcome):
                    return "dropped"
                draft_publish(draft_id)
                return "published"
        except BtcWatcherError as error:
            why = failed("not_published", problem=error.message).reason
            outcome = replace(outcome, passed=False, reason=why)
    return "failed" if _record(draft_id, outcome) else "dropped"


def _record(draft_id: int, outcome: Outcome) -> bool:
    return trial_state_set(
        draft_id,
        "passed" if outcome.passed else "failed",
        reason=outcome.reason.english() if outcome.reason else "",
        warnings=[warning.english() for warning in outcome.warnings],
        facts=outcome.stored_facts(),
    )


def order_of(
    draft: Strategy, fingerprint: str = "", wanted: str | None = None
) -> Order:
    """Return how to try a draft, or a strategy, with freqtrade ``wanted`` if named.

    Raises BtcWatcherError when it cannot be tried.
    """
    config = draft.config
    code, class_name = str(config.get("code", "")), str(config.get("class_name", ""))
    facts = strategy_check(code)
    if facts.class_name != class_name:
        raise StrategyCodeError(
            "class_other", found=facts.class_name, wanted=class_name
        )
    version, python = environment_python(
        wanted or draft.freqtrade_config.get("version")
    )
    settings_check(config, draft.freqtrade_config)
    extra = {k: v for k, v in draft.freqtrade_config.items() if k not in OUR_KEYS}
    timeframe = str(config.get("timeframe") or facts.timeframe)
    settings = {**extra, "timeframe": timeframe}
    if stake := config.get("stake_currency"):
        settings["stake_currency"] = stake
    return Order(
        draft_id=draft.pk,
        fingerprint=fingerprint,
        program=Program(class_name, code, python, settings),
        tried=Tried(
            version=version,
            timeframe=timeframe,
            file_timeframe=facts.timeframe,
            column=_column(draft),
        ),
    )


def _column(draft: Strategy) -> str:
    """Return the column that must hold the strength, or "" when something else may."""
    rule = strength_rule_of(draft)
    return "" if rule.expression else rule.column


def _trial(draft: Strategy) -> Mapping[str, Any]:
    return draft.health_metrics.get("trial") or {}


def _fingerprint(draft: Strategy) -> str:
    """Return what tells one state of a draft, and one request, from every other."""
    parts = [getattr(draft, name) for name in _TRIED]
    text = json.dumps([*parts, _trial(draft).get("asked_at")], default=str)
    return hashlib.sha256(text.encode()).hexdigest()
