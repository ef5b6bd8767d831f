"""The list of strategies, and its part that refreshes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.permissions import reads
from strategies.drafts import expired, is_edit, warning_due
from strategies.listing import (
    CHANGING,
    SORT_WORDS,
    Choice,
    columns,
    rows_chosen,
    tabs,
)
from strategies.models import Strategy
from strategies.rows import row_of
from strategies.selectors import drafts_of, strategies_listed
from strategies.views.common import CHANGE, person

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from accounts.models import User

REFRESH_SECONDS: Final = 10
# While something starts or stops, people wait for it.
BUSY_SECONDS: Final = 3


@require_GET
@never_cache
@reads
def listing(request: HttpRequest) -> HttpResponse:
    """Show the strategies, and the drafts of the person who asks."""
    now = timezone.now()
    context = _table(request, now) | {
        "types": Strategy.Type.choices,
        "sorts": SORT_WORDS,
        "drafts": _drafts(person(request), now),
    }
    return render(request, "strategies/list.html", context)


@require_GET
@never_cache
@reads
def table(request: HttpRequest) -> HttpResponse:
    """Return the part of the list that is fetched again and again."""
    return render(
        request, "strategies/parts/table.html", _table(request, timezone.now())
    )


def _table(request: HttpRequest, now: datetime) -> dict[str, Any]:
    choice = Choice.read(request.GET)
    every = [row_of(listed, now) for listed in strategies_listed()]
    rows = rows_chosen(every, choice)
    busy = any(row.shown.state in CHANGING for row in rows)
    return {
        "now": now,
        "choice": choice,
        "rows": rows,
        "any": bool(every),
        "tabs": tabs(every, choice),
        "columns": columns(choice),
        "here": f"{reverse('strategies:list')}{choice.query()}",
        "seconds": BUSY_SECONDS if busy else REFRESH_SECONDS,
        "may_change": request.user.has_perm(CHANGE),
        "zone": timezone.get_current_timezone_name(),
    }


def _drafts(user: User, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "row": draft,
            "edits": draft.parent_strategy if is_edit(draft) else None,
            "urgent": warning_due(draft.draft_expires_at, now),
            "trial": (draft.health_metrics.get("trial") or {}).get("state", ""),
        }
        for draft in drafts_of(user)
        if not expired(draft.draft_expires_at, now)
    ]
