"""What people are told by the supervisor itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from freqtrade_mgmt.failover.shapes import route_read
from notifications.dispatch import alert_raise

if TYPE_CHECKING:
    from strategies.models import Strategy


def given_up(strategy: Strategy, reason: str) -> None:
    """Raise the alert about a strategy that is not started again by itself.

    It mutes what else is wrong with the strategy. The health round resolves it.
    """
    route = route_read(strategy.health_metrics.get("route"))
    alert_raise(
        key=f"strategy:{strategy.pk}",
        priority="P0",
        title=_("Strategy %(name)s does not run and is not started again")
        % {"name": strategy.name},
        body="\n\n".join(
            (
                reason,
                _("No signals of it arrive. Correct the cause, then start it again."),
            )
        ),
        context={
            "strategy_id": strategy.pk,
            "strategy": strategy.name,
            "given_up": True,
            # The alert about its proxy mutes this one.
            **({"proxy_id": route.proxy} if route and route.proxy else {}),
        },
    )
