"""The person's API tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.views.decorators.cache import never_cache

from accounts import services
from accounts.facts import request_facts
from accounts.forms import TokenForm
from accounts.permissions import own
from accounts.selectors import SESSION_TOKEN, session_view, sessions_of
from accounts.views.common import page, person

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@own
@never_cache
def tokens(request: HttpRequest) -> HttpResponse:
    """List the tokens; make one and show it, this once."""
    user = person(request)
    if request.method != "POST":
        return _page(request)
    form = TokenForm(request.POST, user=user)
    if not form.is_valid():
        return _page(request, status=400, form=form)
    row, token = services.token_create(
        user=user,
        facts=request_facts(request),
        days=form.cleaned_data["days"],
        name=form.cleaned_data["name"],
        scopes=form.scopes(),
    )
    return _page(request, new_token=token, new_session=session_view(row))


def _page(request: HttpRequest, status: int = 200, **shown: Any) -> HttpResponse:
    user = person(request)
    sessions = sessions_of(user, current_token=request.session.get(SESSION_TOKEN))
    context = {
        "form": TokenForm(user=user),
        "tokens": [session for session in sessions if not session.is_browser],
    }
    return page(request, "tokens", context | shown, status=status)
