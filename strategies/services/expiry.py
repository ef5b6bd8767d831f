"""The end of drafts that nobody saves any more."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from notifications.dispatch import messages_send
from notifications.saying import Words, message_said
from strategies.drafts import LIFETIME, WARNING
from strategies.models import Strategy
from strategies.services.health import health_merge

if TYPE_CHECKING:
    from datetime import datetime

    from notifications.messages import Message

logger = logging.getLogger(__name__)


@transaction.atomic
def drafts_expire(now: datetime) -> int:
    """Remove the drafts whose time is over; return how many.

    One that is being saved at this moment is left for the next time.
    """
    gone = list(
        Strategy.objects.select_for_update(skip_locked=True).filter(
            is_draft=True, draft_expires_at__lte=now
        )
    )
    for draft in gone:
        logger.info("Draft %d (%s) has expired.", draft.pk, draft.name)
        draft.delete()
    return len(gone)


@transaction.atomic
def drafts_warn(now: datetime) -> int:
    """Tell of each draft once that it expires within a day; return how many."""
    due = [
        draft
        for draft in Strategy.objects.select_for_update(
            skip_locked=True, no_key=True, of=("self",)
        )
        .select_related("created_by")
        .filter(
            is_draft=True,
            draft_expires_at__gt=now,
            draft_expires_at__lte=now + WARNING,
        )
        if draft.health_metrics.get("warned_for") != _mark(draft)
    ]
    messages_send([_warning(draft) for draft in due])
    for draft in due:
        health_merge(draft.pk, {"warned_for": _mark(draft)})
    return len(due)


def _mark(draft: Strategy) -> str:
    """Return which end was warned of: a draft that is saved again has another."""
    return draft.draft_expires_at.isoformat() if draft.draft_expires_at else ""


def _warning(draft: Strategy) -> Message:
    words = partial(_warning_words, draft)
    return message_said("system", "P2", words, {"draft_id": draft.pk})


def _warning_words(draft: Strategy) -> Words:
    facts = {
        "name": draft.name or _("without a name"),
        "person": draft.created_by.username if draft.created_by else _("nobody"),
        "time": f"{draft.draft_expires_at:%Y-%m-%d %H:%M} UTC",
        "days": LIFETIME.days,
    }
    return Words(
        _("A draft expires soon: %(name)s") % facts,
        _(
            "The draft '%(name)s' of %(person)s is removed after %(time)s. Save it"
            " again to keep it for another %(days)d days, or publish it."
        )
        % facts,
    )
