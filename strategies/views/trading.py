"""Paper trading or trading for real: what it means, and the switch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import needs, reads
from strategies.errors import RefusedError, StrategyMissingError
from strategies.models import Strategy
from strategies.rows import moment_read
from strategies.services import is_live, live_disable, live_enable
from strategies.services.trading import SIMULATED
from strategies.views.common import TRADE, person, strategy_or_404

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse


@require_GET
@never_cache
@reads
def trading(request: HttpRequest, pk: int) -> HttpResponse:
    """Explain both, and show the form to people who may use it."""
    return _page(request, strategy_or_404(pk))


@sensitive_post_parameters("api_key", "api_secret")
@require_POST
@never_cache
@needs(TRADE)
def enable(request: HttpRequest, pk: int) -> HttpResponse:
    """Turn trading for real on; what was typed is never shown again."""
    given = request.POST
    try:
        strategy = live_enable(
            pk,
            by=person(request),
            typed_name=given.get("typed_name", ""),
            api_key=given.get("api_key", ""),
            api_secret=given.get("api_secret", ""),
        )
    except StrategyMissingError as error:
        raise Http404 from error
    except RefusedError as error:
        return _page(request, strategy_or_404(pk), problems=error.problems, status=400)
    said = _(
        "'%(name)s' may trade for real now; a running bot is replaced by one that does."
    )
    messages.warning(request, said % {"name": strategy.name})
    return redirect("strategies:trading", pk)


@require_POST
@needs(TRADE)
def disable(request: HttpRequest, pk: int) -> HttpResponse:
    """Go back to paper trading and forget the keys."""
    try:
        strategy = live_disable(pk, by=person(request))
    except StrategyMissingError as error:
        raise Http404 from error
    except RefusedError as error:
        messages.error(request, error.message)
    else:
        said = _("'%(name)s' trades on paper again; its keys were removed.")
        messages.success(request, said % {"name": strategy.name})
    return redirect("strategies:trading", pk)


def _page(
    request: HttpRequest,
    strategy: Strategy,
    *,
    problems: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    live = strategy.freqtrade_config.get("live")
    facts: dict[str, Any] = live if isinstance(live, dict) else {}
    context = {
        "strategy": strategy,
        "is_live": is_live(strategy),
        "since": moment_read(facts.get("at")),
        "by": facts.get("by", ""),
        "only_signals": strategy.type != Strategy.Type.TRADE_EXECUTION,
        "simulated": strategy.config.get("exchange") == SIMULATED,
        "exchange": strategy.config.get("exchange", ""),
        "may_trade": request.user.has_perm(TRADE),
        "problems": problems,
    }
    return render(request, "strategies/trading.html", context, status=status)
