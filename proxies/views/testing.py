"""Testing from the pages: a worker tests, and the page asks how far it has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import needs, reads
from proxies.dispatch import proxy_test_soon
from proxies.selectors import proxies_enabled
from proxies.shown import row_shown
from proxies.views.common import CHANGE, back, page, proxy_or_404
from proxies.views.detail import now_context

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from proxies.models import Proxy


@require_POST
@needs(CHANGE)
def test(request: HttpRequest, number: int) -> HttpResponse:
    """Have a proxy tested, also one that is switched off."""
    proxy = proxy_or_404(number)
    proxy_test_soon(proxy.pk, "on_demand")
    if request.headers.get("HX-Request"):
        return _part(request, proxy)
    messages.info(request, _("“%(name)s” is being tested.") % {"name": proxy.name})
    return back(request, "proxies:detail", number)


@require_POST
@needs(CHANGE)
def test_all(request: HttpRequest) -> HttpResponse:
    """Have every proxy tested that is switched on."""
    proxies = proxies_enabled()
    for proxy in proxies:
        proxy_test_soon(proxy.pk, "on_demand")
    count = len(proxies)
    words = ngettext(
        "%(count)d proxy is being tested.", "%(count)d proxies are being tested.", count
    )
    messages.info(request, words % {"count": count})
    return redirect("proxies:list")


@require_GET
@never_cache
@reads
def live(request: HttpRequest, number: int) -> HttpResponse:
    """Return how far a test has come; when it is over, what has changed by it."""
    return _part(request, proxy_or_404(number))


def _part(request: HttpRequest, proxy: Proxy) -> HttpResponse:
    """Return the part for the page that asks: a row of the list, or a proxy's own."""
    own_page = "own" in request.GET
    row = row_shown(proxy)
    if row.live.pending:
        return page(request, "parts/live.html", {"row": row, "own_page": own_page})
    if own_page:
        context = now_context(proxy) | {"said": True}
        answer = page(request, "parts/over.html", context)
        answer["HX-Retarget"] = "#now"
    else:
        answer = page(request, "parts/row.html", {"row": row, "said": True})
        answer["HX-Retarget"] = f"#p{proxy.pk}"
    answer["HX-Reswap"] = "outerHTML"
    return answer
