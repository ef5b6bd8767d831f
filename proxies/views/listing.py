"""The list of proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.core.paginator import Paginator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.permissions import reads
from proxies.listing import SORT_WORDS, Choice, proxies_chosen, tabs
from proxies.models import Proxy
from proxies.selectors import proxies_all
from proxies.shown import rows_shown
from proxies.views.common import page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

SIZE: Final = 50
# With fewer a search would only be in the way.
MANY: Final = 6


@require_GET
@never_cache
@reads
def listing(request: HttpRequest) -> HttpResponse:
    """Show the proxies that fit; a filter that makes no sense is ignored."""
    choice = Choice.read(request.GET)
    known = list(proxies_all().values())
    pages = Paginator(proxies_chosen(known, choice), SIZE)
    shown = pages.get_page(request.GET.get("page"))
    context = {
        "any": bool(known),
        "many": len(known) >= MANY or choice.narrowed,
        "enabled": sum(proxy.enabled for proxy in known),
        "choice": choice,
        "tabs": tabs(known, choice),
        "types": Proxy.Type.choices,
        "sorts": SORT_WORDS,
        "rows": rows_shown(shown.object_list),
        "pages": shown,
        "query": choice.query(),
    }
    return page(request, "list.html", context)
