"""What people are told by the supervisor itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from freqtrade_mgmt.failover.shapes import route_read
from notifications.dispatch import alert_raise
from notifications.saying import Words
from strategies.reason_words import reason_shown

if TYPE_CHECKING:
    from strategies.models import Strategy


def given_up(strategy: Strategy, reason: str) -> None:
    """Raise the alert about a strategy that is not started again by itself.

    It mutes what else is wrong with the strategy. The health round resolves it.
    """
    route = route_read(strategy.health_metrics.get("route"))

    def words() -> Words:
        title = _("Strategy %(name)s does not run and is not started again")
        advice = _("No signals of it arrive. Correct the cause, then start it again.")
        told = f"{reason_shown(reason)}\n\n{advice}"
        return Words(title % {"name": strategy.name}, told)

    alert_raise(
        key=f"strategy:{strategy.pk}",
        priority="P0",
        words=words,
        context={
            "strategy_id": strategy.pk,
            "strategy": strategy.name,
            "given_up": True,
            # The alert about its proxy mutes this one.
            **({"proxy_id": route.proxy} if route and route.proxy else {}),
        },
    )
