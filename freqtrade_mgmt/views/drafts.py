"""The editor of one draft: save, check, publish, discard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.code_audit import UPLOAD_CODE, code_recorded
from freqtrade_mgmt.forms.fields import uploaded_code
from freqtrade_mgmt.forms.values import template_of
from freqtrade_mgmt.views.draft_page import (
    discarded_to,
    draft_context,
    state_context,
    state_url,
    trial_warnings,
    words_for_page,
)
from freqtrade_mgmt.views.draft_saving import (
    ConflictError,
    Saved,
    draft_form,
    posted_save,
)
from freqtrade_mgmt.views.people import editors_only, person
from strategies.drafts import is_edit, trial_needed
from strategies.errors import RefusedError, StrategyMissingError
from strategies.selectors import draft_by_id, strategy_by_id
from strategies.services import (
    draft_delete,
    draft_publish,
    draft_save,
    draft_trial_ask,
)

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile
    from django.http import HttpRequest

    from freqtrade_mgmt.forms.draft import DraftForm
    from strategies.models import Strategy


@sensitive_post_parameters("code", "extra")
@require_http_methods(["GET", "POST"])
@never_cache
@editors_only
def draft(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the editor of a draft, and take what it posts."""
    if request.method == "POST" and request.headers.get("X-Autosave"):
        return _autosaved(request, pk)
    row = draft_by_id(pk)
    if row is None:
        return _gone(request, pk)
    if request.method != "POST":
        # What was never filled in is no fault yet; what was typed wrongly is.
        form = draft_form(row, person(request)).shown_while_typing()
        return _page(request, row, form)
    return _posted(request, row)


@require_http_methods(["GET", "POST"])
@never_cache
@editors_only
def draft_state(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far the check of a draft is; with ``?part=1`` the part that changes.

    ``of`` and ``was`` in the address name the edited strategy and its version at the
    time of asking: the draft of an edit is gone once it is published.
    """
    row = draft_by_id(pk)
    if row is None:
        return _finished(request, pk)
    if request.method == "POST":
        try:
            draft_trial_ask(pk)
        except BtcWatcherError as error:
            messages.error(request, error.message)
            return redirect("freqtrade_mgmt:draft", pk)
        return redirect(state_url(row))
    context = state_context(row, request.get_full_path())
    part = bool(request.GET.get("part"))
    name = "editor_state_part" if part else "editor_state"
    return render(request, f"freqtrade_mgmt/{name}.html", context)


@require_POST
@editors_only
def draft_discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a draft; the page has asked whether that is meant."""
    row = draft_by_id(pk)
    if row is None:
        return _gone(request, pk)
    try:
        draft_delete(pk, by=person(request))
    except StrategyMissingError:
        return _gone(request, pk)
    name = row.name or _("without a name")
    messages.success(request, _("The draft “%(name)s” is discarded.") % {"name": name})
    return redirect(discarded_to(row))


def _posted(request: HttpRequest, row: Strategy) -> HttpResponse:
    """Save what a button sent, and do what it stands for."""
    action = request.POST.get("action", "save")
    try:
        saved, refused = _save(request, row.pk, action)
        if refused:
            saved.form.add_error("code", refused)
            return _page(request, saved.draft, saved.form, status=400)
        return _after_save(request, saved, action)
    except StrategyMissingError:
        return _gone(request, row.pk)
    except ConflictError as error:
        form = draft_form(row, person(request), request.POST)
        return _page(request, row, form, conflict=error, status=409)
    except RefusedError as error:
        form = draft_form(row, person(request), request.POST)
        _refuse(form, error)
        return _page(request, row, form, status=400)


def _save(request: HttpRequest, pk: int, action: str) -> tuple[Saved, str]:
    """Save what was posted with what the action adds; return it and what was refused.

    A file that is refused must not cost the rest of what was typed.
    """
    data, name, refused = request.POST.copy(), "", ""
    upload = request.FILES.get("file")
    if upload is not None or action == "upload":
        if not person(request).has_perm(UPLOAD_CODE):
            raise PermissionDenied
        try:
            data["code"], name = _uploaded(upload)
        except ValidationError as error:
            refused = " ".join(error.messages)
    origin = f"uploaded as {name}" if name else ""
    saved = posted_save(pk, data, person(request), file_name=origin)
    if action == "detach":
        saved = _detached(saved, request)
    if name and saved.form.may_code:
        messages.success(request, _("The code is that of %(file)s.") % {"file": name})
    return saved, refused


def _uploaded(upload: UploadedFile[bytes] | None) -> tuple[str, str]:
    """Return a file's text and name; raises ValidationError."""
    if upload is None:
        raise ValidationError(_("Choose a file first."))
    return uploaded_code(upload), str(upload.name)


def _detached(saved: Saved, request: HttpRequest) -> Saved:
    """Leave the template: from now on its code is edited by hand."""
    user, row = person(request), saved.draft
    if not user.has_perm(UPLOAD_CODE):
        raise PermissionDenied
    if template_of(row.config) is None or not saved.form.is_valid():
        return saved
    row = draft_save(
        draft_id=row.pk,
        by=user,
        name=row.name,
        description=row.description or "",
        type=row.type,
        config={key: row.config[key] for key in row.config if key != "template"},
        freqtrade_config=row.freqtrade_config,
        signal_thresholds=row.signal_thresholds,
    )
    code_recorded(row, user, "taken over from the template")
    return Saved(row, draft_form(row, user))


def _after_save(request: HttpRequest, saved: Saved, action: str) -> HttpResponse:
    valid = saved.form.is_valid()
    if action == "publish":
        return _publish(request, saved)
    if not valid:
        return _page(request, saved.draft, saved.form.shown_while_typing(), saved=True)
    if action == "save":
        messages.success(request, _("The draft is saved."))
    return redirect("freqtrade_mgmt:draft", saved.draft.pk)


def _publish(request: HttpRequest, saved: Saved) -> HttpResponse:
    """Publish at once, or ask for the trial that publishes; or show what is wrong."""
    row, form = saved.draft, saved.form
    if not form.is_valid():
        return _page(request, row, form, status=400)
    parent = row.parent_strategy if is_edit(row) else None
    was = parent.version if parent else ""
    try:
        if trial_needed(row, parent):
            draft_trial_ask(row.pk)
            if form.template is None:
                code_recorded(row, person(request), "sent to the trial")
            return redirect(state_url(row))
        published = draft_publish(row.pk)
    except RefusedError as error:
        _refuse(form, error)
        return _page(request, row, form, status=400)
    _told_published(request, published, was)
    return redirect("strategies:detail", published.pk)


def _refuse(form: DraftForm, error: RefusedError) -> None:
    for sentence in error.problems:
        form.add_error(None, sentence)


def _autosaved(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        saved = posted_save(pk, request.POST, person(request))
    except ConflictError as error:
        return JsonResponse(
            {"problem": error.message, "conflict": True, "overwrite": error.token},
            status=409,
        )
    except StrategyMissingError as error:
        return JsonResponse({"problem": error.message, "gone": True}, status=410)
    except RefusedError as error:
        return JsonResponse({"problem": error.message}, status=422)
    return JsonResponse(words_for_page(saved.draft, saved.form))


def _page(
    request: HttpRequest,
    row: Strategy,
    form: DraftForm,
    *,
    conflict: ConflictError | None = None,
    saved: bool = False,
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = draft_context(row, form, person(request))
    context["conflict"] = conflict
    context["token"] = request.POST.get("token") if conflict else context["token"]
    wrong = len(form.errors)
    if saved and wrong:
        said = ngettext(
            "The draft is saved; %(count)d place needs another look.",
            "The draft is saved; %(count)d places need another look.",
            wrong,
        )
        context["said"] = said % {"count": wrong}
    return render(request, "freqtrade_mgmt/editor.html", context, status=status)


def _gone(request: HttpRequest, pk: int) -> HttpResponse:
    """Lead on from a draft that is none: to the strategy that it became, or away."""
    published = strategy_by_id(pk)
    if published is None:
        raise Http404
    messages.info(
        request,
        _("“%(name)s” is published; edit it to make a draft.")
        % {"name": published.name},
    )
    return redirect("strategies:detail", pk)


def _finished(request: HttpRequest, pk: int) -> HttpResponse:
    """Lead to the strategy when the draft is published, and tell what came of it."""
    was, of = request.GET.get("was", ""), request.GET.get("of", "")
    strategy = strategy_by_id(int(of) if of.isdecimal() else pk)
    if strategy is None:
        raise Http404
    if request.GET.get("part"):
        # The page goes on by itself; a message is told only where it is shown.
        answer = HttpResponse(status=204)
        answer.headers["X-Finished"] = "1"
        return answer
    if of and was == strategy.version:
        messages.info(request, _("The draft is closed: published, or discarded."))
    else:
        _told_published(request, strategy, was)
    return redirect("strategies:detail", strategy.pk)


def _told_published(request: HttpRequest, strategy: Strategy, was: str) -> None:
    facts = {"name": strategy.name, "version": strategy.version}
    if was == strategy.version:
        messages.info(
            request,
            _("“%(name)s” is saved; what it runs stays %(version)s.") % facts,
        )
        return
    messages.success(request, _("“%(name)s” is published as %(version)s.") % facts)
    for sentence in trial_warnings(strategy):
        messages.warning(request, sentence)
