"""What people are told by the supervisor itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from notifications.messages import Message

if TYPE_CHECKING:
    from strategies.models import Strategy


def given_up(strategy: Strategy, reason: str) -> Message:
    """Return the alert about a strategy that is not started again by itself."""
    return Message(
        message_type="alert",
        priority="P0",
        title=_("Strategy %(name)s does not run and is not started again")
        % {"name": strategy.name},
        body="\n\n".join(
            (
                reason,
                _("No signals of it arrive. Correct the cause, then start it again."),
            )
        ),
        context={"strategy_id": strategy.pk, "strategy": strategy.name},
    )
