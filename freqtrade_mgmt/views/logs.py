"""The live log of a strategy's bot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django.http import Http404
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.permissions import reads
from strategies.selectors import strategies_all

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

SENTENCES: Final = {
    "leftOut": _("… {count} lines left out"),
    "pause": _("Pause"),
    "resume": _("Resume"),
    "resumeMore": _("Resume ({count} new)"),
    "nothing": _("Nothing written yet. Lines appear here when the bot runs."),
    "filtered": _("No line fits the filter."),
}


@require_GET
@never_cache
@reads
def log(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the live log: a part for htmx, a page of its own otherwise."""
    strategy = strategies_all().filter(pk=pk).only("pk", "name").first()
    if strategy is None:
        raise Http404
    part = request.headers.get("HX-Request") == "true"
    template = "freqtrade_mgmt/log_part.html" if part else "freqtrade_mgmt/log.html"
    return render(
        request, template, {"strategy": strategy, "words": json.dumps(_words())}
    )


def _words() -> dict[str, Any]:
    return {
        "language": "zh-CN" if (get_language() or "").startswith("zh") else "en-GB",
        "zone": timezone.get_current_timezone_name(),
        "connection": {
            "online": str(_("Connected")),
            "connecting": str(_("Connecting")),
            "offline": str(_("Disconnected; trying again")),
        },
        **{name: str(text) for name, text in SENTENCES.items()},
    }
