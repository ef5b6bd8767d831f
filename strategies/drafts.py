"""The rules of drafts: how long they live, and what must be true to publish one. Pure."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from strategies.rules import config_problems, name_problems, thresholds_problems

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from strategies.models import Strategy

LIFETIME: Final = timedelta(days=14)
WARNING: Final = timedelta(hours=24)
# The states of a trial, and from which of them each may be reached. A result that
# belongs to no running trial is of code that was changed meanwhile: it is dropped.
TRIAL_FROM: Final[dict[str, frozenset[str]]] = {
    "wanted": frozenset({"running"}),
    "running": frozenset({"wanted", "running"}),
    "passed": frozenset({"running", "passed"}),
    "failed": frozenset({"wanted", "running", "failed"}),
}


def expires_at(now: datetime) -> datetime:
    """Return when a draft that is saved now expires."""
    return now + LIFETIME


def warning_due(expires: datetime | None, now: datetime) -> bool:
    """Tell whether a draft is in its last day."""
    return expires is not None and now < expires <= now + WARNING


def expired(expires: datetime | None, now: datetime) -> bool:
    """Tell whether a draft's time is over."""
    return expires is not None and expires <= now


def is_edit(draft: Strategy) -> bool:
    """Tell whether ``draft`` edits an existing strategy."""
    return bool(draft.config.get("editing")) and draft.parent_strategy_id is not None


def tried(config: Mapping[str, Any], freqtrade_config: Mapping[str, Any]) -> str:
    """Return a fingerprint of what a trial loads: the code, its class, freqtrade."""
    parts = [
        config.get("class_name"),
        config.get("code"),
        freqtrade_config.get("version"),
    ]
    text = json.dumps(parts, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def trial_needed(draft: Strategy, parent: Strategy | None) -> bool:
    """Tell whether the code has to be loaded once before ``draft`` is published.

    Not when the strategy that it edits runs the same code on the same freqtrade.
    """
    return parent is None or tried(draft.config, draft.freqtrade_config) != tried(
        parent.config, parent.freqtrade_config
    )


def draft_problems(draft: Strategy) -> list[str]:
    """Return what a draft lacks, as far as its own row tells."""
    config = {
        key: value for key, value in draft.config.items() if value not in (None, "", [])
    }
    return [
        *name_problems(draft.name),
        *config_problems(draft.name, config),
        *thresholds_problems(draft.signal_thresholds),
    ]


def overtaken(draft: Strategy, parent: Strategy) -> str:
    """Return a sentence when the strategy was changed since the draft began, or ""."""
    began = draft.config.get("base_version")
    if began == parent.version:
        return ""
    return _(
        "Strategy '%(name)s' is at %(now)s, but this draft began from %(began)s."
        " Copy what you need, discard the draft and edit the strategy again."
    ) % {"name": parent.name, "now": parent.version, "began": began or "?"}
