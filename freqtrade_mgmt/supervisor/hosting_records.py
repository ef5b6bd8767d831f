"""What is stored and told of a strategy that cannot share a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from freqtrade_mgmt.supervisor.hosting_groups import Own
from notifications.dispatch import alert_raise, alert_resolve
from notifications.saying import Words
from strategies.host_words import NOTE, moved_text, own_text
from strategies.models import Strategy
from strategies.reason_words import reason_shown
from strategies.services import health_merge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# That freqtrade itself is needed is no trouble, and nobody is woken for it.
UNTOLD: Final = frozenset({Own.NEEDS_BOT})


@transaction.atomic
def moved_out(strategy_id: int, code: str, words: str, revision: str) -> None:
    """Store that a strategy gets a process of its own, and tell people once.

    ``revision`` is what ran: whatever was changed since is tried anew.
    """
    rows = Strategy.objects.select_for_update(no_key=True)
    strategy = rows.filter(pk=strategy_id).first()
    if strategy is None:
        return
    head = "+".join(revision.split("+")[:2])
    note = {"code": code, "words": words, "of": head, "at": timezone.now().isoformat()}
    health_merge(strategy_id, {NOTE: note})
    if code not in UNTOLD:
        _tell(strategy, code, words)


def shared_again(strategy_id: int, metrics: Mapping[str, Any]) -> None:
    """Forget what was stored of a strategy that is tried in a shared process again."""
    if metrics.get(NOTE):
        health_merge(strategy_id, {NOTE: None})
        moved_resolve(strategy_id)


def moved_resolve(strategy_id: int) -> None:
    """End the alert about a strategy that was moved out, without a word."""
    alert_resolve(key=_key(strategy_id), quiet=True)


def hosting_fails(exchange: str, why: str) -> None:
    """Tell people once that strategies of this node have to do without runners."""

    def say() -> Words:
        title = _("Shared processes do not work on %(node)s")
        told = _(
            "Strategies on %(exchange)s get processes of their own there, one after the"
            " other, and share again when it works. It is tried again in an hour."
        )
        words = f"{reason_shown(why)}\n\n{told % {'exchange': exchange}}"
        return Words(title % {"node": settings.NODE_NAME}, words)

    alert_raise(
        key=_node_key(),
        priority="P1",
        words=say,
        context={"shared_processes": exchange},
    )


def hosting_works() -> None:
    """End that alert: nobody has to do without a runner any more."""
    alert_resolve(key=_node_key())


def _node_key() -> str:
    return f"process:{settings.NODE_NAME[:100]}:shared"


def _tell(strategy: Strategy, code: str, words: str) -> None:
    def say() -> Words:
        title = _("Strategy %(name)s got a process of its own")
        told = f"{own_text(code, reason_shown(words))}\n\n{moved_text(code)}"
        return Words(title % {"name": strategy.name}, told)

    alert_raise(
        key=_key(strategy.pk),
        priority="P2",
        words=say,
        context={
            "strategy_id": strategy.pk,
            "strategy": strategy.name,
            "own_process": code,
        },
    )


def _key(strategy_id: int) -> str:
    return f"strategy:{strategy_id}:own_process"
