"""One proxy: how it is, its history, who uses it; switching it and removing it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import needs, reads
from btc_watcher.lib.errors import ConfigurationError
from proxies.charts import RANGES, chart_of, range_of
from proxies.dispatch import proxy_test_soon
from proxies.selectors import LOOK_BACK, proxy_tests, rules_of
from proxies.services import proxy_delete, proxy_disable, proxy_enable
from proxies.shown import changes_shown, row_shown, tests_shown
from proxies.views.common import (
    CHANGE,
    DELETE,
    back,
    page,
    proxy_or_404,
)

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from proxies.models import Proxy

TESTS_SHOWN: Final = 20


@require_GET
@never_cache
@reads
def detail(request: HttpRequest, number: int) -> HttpResponse:
    """Show a proxy with the chart of the chosen period."""
    proxy = proxy_or_404(number)
    chosen = range_of(request.GET.get("range", ""))
    context = now_context(proxy) | {
        "ranges": RANGES,
        "chosen": chosen,
        "chart": chart_of(proxy.pk, chosen),
        "rules": rules_of(proxy),
    }
    return page(request, "detail.html", context)


@require_POST
@needs(CHANGE)
def switch(request: HttpRequest, number: int) -> HttpResponse:
    """Switch a proxy on or off, whichever ``to`` says."""
    proxy = proxy_or_404(number)
    on = request.POST.get("to") == "on"
    try:
        (proxy_enable if on else proxy_disable)(proxy)
    except ConfigurationError as error:
        messages.error(request, error.message)
        return back(request, "proxies:detail", number)
    if on:
        proxy_test_soon(number, "on_demand")
        words = _("“%(name)s” is switched on and is being tested.")
    else:
        words = _("“%(name)s” is switched off. Who uses it goes by its policy now.")
    messages.success(request, words % {"name": proxy.name})
    return back(request, "proxies:detail", number)


@require_POST
@needs(DELETE)
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Remove a proxy that nobody names."""
    proxy = proxy_or_404(number)
    try:
        proxy_delete(proxy)
    except ConfigurationError as error:
        messages.error(request, error.message)
        return redirect("proxies:detail", number)
    messages.success(request, _("“%(name)s” is deleted.") % {"name": proxy.name})
    return redirect("proxies:list")


def now_context(proxy: Proxy) -> dict[str, Any]:
    """Return what the parts of the page that change with every test show."""
    row, now = row_shown(proxy), timezone.now()
    tests = proxy_tests(
        proxy.pk,
        since=now - LOOK_BACK,
        until=now + timedelta(seconds=1),
        limit=TESTS_SHOWN,
    )
    return {
        "row": row,
        "own_page": True,
        "proxy": proxy,
        "tests": tests_shown(tests),
        "changes": changes_shown(row.metrics),
    }
