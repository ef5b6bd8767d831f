"""Start, stop, restart: one strategy, or many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.contrib import messages
from django.http import Http404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.permissions import needs
from btc_watcher.lib.errors import BtcWatcherError
from strategies.errors import StrategyMissingError
from strategies.page_words import asked_text, refused_texts
from strategies.services import (
    Changed,
    strategies_change,
    strategy_restart,
    strategy_start,
    strategy_stop,
)
from strategies.views.common import CHANGE, back

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

SERVICES: Final = {
    "start": strategy_start,
    "stop": strategy_stop,
    "restart": strategy_restart,
}
MOST_IDS: Final = 1000


@require_POST
@needs(CHANGE)
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask one strategy to start, stop or restart."""
    action = request.POST.get("action", "")
    try:
        if action not in SERVICES:
            # It raises the sentence about actions that do not exist.
            strategies_change([], action)
        strategy = SERVICES[action](pk)
    except StrategyMissingError as error:
        raise Http404 from error
    except BtcWatcherError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, asked_text(action, [strategy.name]))
    return back(request, "strategies:detail", pk)


@require_POST
@needs(CHANGE)
def change_many(request: HttpRequest) -> HttpResponse:
    """Ask the chosen strategies; those that refuse keep none of the others."""
    ids = [int(text) for text in request.POST.getlist("ids") if _is_id(text)]
    action = request.POST.get("action", "")
    if not ids:
        messages.warning(request, _("No strategy was chosen; tick those you mean."))
        return back(request, "strategies:list")
    try:
        changed = strategies_change(ids[:MOST_IDS], action)
    except BtcWatcherError as error:
        messages.error(request, error.message)
    else:
        _tell(request, action, changed)
    return back(request, "strategies:list")


def _tell(request: HttpRequest, action: str, changed: Changed) -> None:
    if changed.done:
        names = [strategy.name for strategy in changed.done]
        messages.success(request, asked_text(action, names))
    for sentence in refused_texts(changed):
        messages.warning(request, sentence)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
