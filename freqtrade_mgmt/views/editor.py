"""How a draft begins: something new, an edit, a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.blueprints import blueprints
from freqtrade_mgmt.code_audit import UPLOAD_CODE, code_recorded
from freqtrade_mgmt.forms import start
from freqtrade_mgmt.views.people import editors_only, person
from strategies.drafts import is_edit
from strategies.selectors import drafts_of, strategies_all, strategy_by_id
from strategies.services import draft_save, strategy_copy

if TYPE_CHECKING:
    from django import forms
    from django.http import HttpRequest, HttpResponse

    from freqtrade_mgmt.forms.values import DraftValues

_BRINGS_CODE = frozenset({"upload", "paste"})


@require_http_methods(["GET", "POST"])
@never_cache
@editors_only
def new(request: HttpRequest) -> HttpResponse:
    """Choose how to begin; every way makes a draft and leads to its editor."""
    if request.method != "POST":
        return _choices(request, {})
    begin = request.POST.get("begin", "template")
    if begin in _BRINGS_CODE and not person(request).has_perm(UPLOAD_CODE):
        raise PermissionDenied
    form = _start_form(begin, request)
    if not form.is_valid():
        return _choices(request, {begin: form}, status=400)
    values, origin = _start_values(begin, form)
    with transaction.atomic():
        draft = draft_save(by=person(request), **values)
        if origin:
            code_recorded(draft, person(request), origin)
    return redirect("freqtrade_mgmt:draft", draft.pk)


@require_http_methods(["GET", "HEAD"])
@never_cache
@editors_only
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Open the person's draft of this strategy, or make one of what runs now."""
    user = person(request)
    strategy = strategy_by_id(pk)
    if strategy is None:
        raise Http404
    mine = [d for d in drafts_of(user).filter(parent_strategy=strategy) if is_edit(d)]
    if mine:
        return redirect("freqtrade_mgmt:draft", mine[0].pk)
    draft = draft_save(
        of=strategy,
        by=user,
        name=strategy.name,
        description=strategy.description or "",
        type=strategy.type,
        config=strategy.config,
        freqtrade_config=strategy.freqtrade_config,
        signal_thresholds=strategy.signal_thresholds,
    )
    return redirect("freqtrade_mgmt:draft", draft.pk)


@require_POST
@editors_only
def copy(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a stopped copy under a name of its own, and show it."""
    strategy = strategy_by_id(pk)
    if strategy is None:
        raise Http404
    wanted = request.POST.get("name", "").strip()
    name = wanted or start.values_of_copy(strategy)["name"]
    try:
        made = strategy_copy(pk, name=name, by=person(request))
    except BtcWatcherError as error:
        messages.error(request, error.message)
        return redirect("strategies:detail", pk)
    messages.success(
        request,
        _("“%(copy)s” is a stopped copy of “%(name)s”.")
        % {"copy": made.name, "name": strategy.name},
    )
    return redirect("strategies:detail", made.pk)


def _start_form(begin: str, request: HttpRequest) -> forms.Form:
    # Every form is on the page, so each has identifiers of its own.
    ids = f"{begin}_%s"
    match begin:
        case "upload":
            return start.UploadForm(request.POST, request.FILES, auto_id=ids)
        case "paste":
            return start.PasteForm(request.POST, auto_id=ids)
        case "copy":
            return start.CopyForm(request.POST, auto_id=ids)
    return start.TemplateForm(request.POST)


def _start_values(begin: str, form: forms.Form) -> tuple[DraftValues, str]:
    """Return the draft's first values and where its code comes from ("": from us)."""
    found = form.cleaned_data
    match begin:
        case "upload":
            name, code, facts = found["file"]
            return start.values_of_code(code, facts), f"uploaded as {name}"
        case "paste":
            return start.values_of_code(*found["code"]), "pasted"
        case "copy":
            return start.values_of_copy(found["strategy"]), ""
    return start.values_of_template(found["template"]), ""


def _choices(
    request: HttpRequest, posted: dict[str, forms.Form], status: int = 200
) -> HttpResponse:
    user = person(request)
    context: dict[str, Any] = {
        "blueprints": blueprints(),
        "may_code": user.has_perm(UPLOAD_CODE),
        "template_form": posted.get("template"),
        "upload_form": posted.get("upload") or start.UploadForm(auto_id="upload_%s"),
        "paste_form": posted.get("paste") or start.PasteForm(auto_id="paste_%s"),
        "copy_form": posted.get("copy") or start.CopyForm(auto_id="copy_%s"),
        "any_strategy": strategies_all().exists(),
        "drafts": drafts_of(user),
    }
    return render(request, "freqtrade_mgmt/editor_new.html", context, status=status)
