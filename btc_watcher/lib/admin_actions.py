"""Actions of the admin: asked about before they hurt, and told with numbers after."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django_stubs_ext import StrOrPromise

    Action = Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]

CONFIRMED: Final = "confirmed"
# What one page can list; all of them are still done.
NAMED: Final = 50
REASONS: Final = 5


def asks_first(warning: StrOrPromise) -> Callable[[Action], Action]:
    """Have an action show what it will do to which rows, and act on a second click."""

    def wrap(action: Action) -> Action:
        @wraps(action)
        def asked(
            model_admin: Any, request: HttpRequest, rows: QuerySet[Any]
        ) -> HttpResponse | None:
            if request.POST.get(CONFIRMED) == "yes":
                return action(model_admin, request, rows)
            return _question(model_admin, request, rows, asked, warning)

        asked.asks_first = True  # type: ignore[attr-defined]  # a note on the function
        return asked

    return wrap


def tell(
    model_admin: Any, request: HttpRequest, done: str, refused: Sequence[str] = ()
) -> None:
    """Say how many were done, and how many were refused and why."""
    if done:
        model_admin.message_user(request, done, messages.SUCCESS)
    if not refused:
        return
    reasons = list(dict.fromkeys(refused))
    words = ngettext(
        "%(count)d was refused: %(reasons)s",
        "%(count)d were refused: %(reasons)s",
        len(refused),
    ) % {"count": len(refused), "reasons": " · ".join(reasons[:REASONS])}
    if len(reasons) > REASONS:
        words += f" · {_('and others')}"
    model_admin.message_user(request, words, messages.ERROR)


def _question(
    model_admin: Any,
    request: HttpRequest,
    rows: QuerySet[Any],
    action: Any,
    warning: StrOrPromise,
) -> HttpResponse:
    options = model_admin.opts
    count = rows.count()
    context = {
        **model_admin.admin_site.each_context(request),
        "title": action.short_description,
        "warning": warning,
        "named": rows[:NAMED],
        "more": max(0, count - NAMED),
        "count": count,
        "hidden": [
            ("action", action.__name__),
            ("select_across", request.POST.get("select_across", "0")),
            (CONFIRMED, "yes"),
            *(
                (ACTION_CHECKBOX_NAME, key)
                for key in request.POST.getlist(ACTION_CHECKBOX_NAME)
            ),
        ],
        "opts": options,
        "media": model_admin.media,
    }
    return TemplateResponse(request, "admin/confirm_action.html", context)
