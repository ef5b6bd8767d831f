"""Password, second factor and sessions of the person."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from accounts import services
from accounts.facts import agent_label, request_facts
from accounts.forms import CodeForm, PasswordChangeForm, PasswordForm
from accounts.permissions import own
from accounts.second_factor import services as factors
from accounts.second_factor.codes import address, picture
from accounts.selectors import SESSION_TOKEN, sessions_of
from accounts.views.common import page, person

if TYPE_CHECKING:
    from uuid import UUID

    from django import forms
    from django.http import HttpRequest

    from accounts.models import User


@require_GET
@own
@never_cache
def security(request: HttpRequest) -> HttpResponse:
    """Show what protects the account, and where it is logged in."""
    return _page(request)


def _page(request: HttpRequest, status: int = 200, **shown: Any) -> HttpResponse:
    """Render the page; ``shown`` replaces forms that had errors."""
    user = person(request)
    sessions = sessions_of(user, current_token=request.session.get(SESSION_TOKEN))
    browsers = [session for session in sessions if session.is_browser]
    context = {
        "password_form": PasswordChangeForm(user),
        "browsers": browsers,
        "others": len(browsers) - 1,
        "factor": factors.factor_of(user),
        "begin_form": PasswordForm(),
        "code_form": CodeForm(),
        "logins": _logins(user),
        "failures": user.security_info.get("failures_before") or {},
        "pending": _pending(user),
    }
    return page(request, "security", context | shown, status=status)


def _pending(user: User) -> dict[str, Any] | None:
    """Return what an app reads to be confirmed, while a second factor is set up."""
    secret = factors.factor_pending_secret(user)
    if secret is None:
        return None
    return {
        "secret": " ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        # Made here of our own address, with nothing inside that a person wrote.
        "picture": mark_safe(picture(address(secret, user.get_username()))),  # noqa: S308
    }


def _logins(user: User) -> list[dict[str, Any]]:
    logins = map(user.security_info.get, ("last_login", "previous_login"))
    return [
        {
            "at": datetime.fromisoformat(login["at"]),
            "address": login.get("address"),
            "program": agent_label(login.get("program") or ""),
        }
        for login in logins
        if login
    ]


@own
def admin_password(_request: HttpRequest) -> HttpResponse:
    """Replace the admin's own page: one way to a new password, with one limit."""
    return redirect("accounts:security")


@sensitive_post_parameters()
@own
def password(request: HttpRequest) -> HttpResponse:
    """Change the password and end every other session and token."""
    if request.method != "POST":
        return redirect("accounts:security")
    user = person(request)
    form = PasswordChangeForm(user, request.POST)
    if not form.is_valid():
        return _page(request, status=400, password_form=form)
    try:
        factors.password_confirm(
            user=user,
            password=form.cleaned_data["old_password"],
            facts=request_facts(request),
        )
    except (factors.CodeRefusedError, factors.TooManyCodesError) as error:
        return _refused(request, error, password_form=form)
    services.password_change(
        user=user,
        password=form.cleaned_data["new_password1"],
        keep_token=request.session.get(SESSION_TOKEN),
    )
    update_session_auth_hash(request, user)
    messages.success(
        request,
        _("The password was changed. Your other sessions and API tokens have ended."),
    )
    return redirect("accounts:security")


@require_POST
@own
def session_revoke(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """End one of the person's own sessions or tokens."""
    user = person(request)
    row = next(
        (
            each
            for each in sessions_of(user, current_token=None)
            if each.id == session_id
        ),
        None,
    )
    if not services.session_revoke(session_id=session_id, user=user):
        raise Http404
    messages.success(request, _("Ended."))
    is_token = row is not None and not row.is_browser
    return redirect("accounts:tokens" if is_token else "accounts:security")


@require_POST
@own
def sessions_revoke_others(request: HttpRequest) -> HttpResponse:
    """End the person's logins in all other browsers."""
    count = services.sessions_revoke_others(
        user=person(request), keep_token=request.session.get(SESSION_TOKEN)
    )
    sentence = ngettext(
        "%(count)d session was ended.", "%(count)d sessions were ended.", count
    )
    messages.success(request, sentence % {"count": count})
    return redirect("accounts:security")


@sensitive_post_parameters()
@require_POST
@own
@never_cache
def factor_begin(request: HttpRequest) -> HttpResponse:
    """Begin with a second factor, after the password was given again."""
    user, form = person(request), PasswordForm(request.POST)
    if not form.is_valid():
        return _page(request, status=400, begin_form=form)
    try:
        factors.password_confirm(
            user=user,
            password=form.cleaned_data["password"],
            facts=request_facts(request),
        )
        factors.factor_begin(user=user)
    except (factors.CodeRefusedError, factors.TooManyCodesError) as error:
        return _refused(request, error, begin_form=form)
    return redirect("accounts:security")


@sensitive_post_parameters()
@require_POST
@own
@never_cache
def factor_confirm(request: HttpRequest) -> HttpResponse:
    """Turn the second factor on with its first code; show the recovery codes, once."""

    def confirm(user: User, code: str) -> HttpResponse:
        codes = factors.factor_confirm(
            user=user, code=code, facts=request_facts(request)
        )
        return _page(request, recovery_codes=codes)

    return _with_code(request, confirm)


@sensitive_post_parameters()
@require_POST
@own
@never_cache
def recovery_renew(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes; show them, once."""

    def renew(user: User, code: str) -> HttpResponse:
        codes = factors.recovery_renew(
            user=user, code=code, facts=request_facts(request)
        )
        return _page(request, recovery_codes=codes)

    return _with_code(request, renew)


@sensitive_post_parameters()
@require_POST
@own
def factor_end(request: HttpRequest) -> HttpResponse:
    """Turn the second factor off."""

    def end(user: User, code: str) -> HttpResponse:
        factors.factor_end(user=user, code=code, facts=request_facts(request))
        messages.success(request, _("The second factor is off."))
        return redirect("accounts:security")

    return _with_code(request, end)


def _with_code(request: HttpRequest, act: Any) -> HttpResponse:
    """Do ``act`` with the person and the code of the form, or show why not."""
    form = CodeForm(request.POST)
    if not form.is_valid():
        return _page(request, status=400, code_form=form)
    try:
        answer: HttpResponse = act(person(request), form.cleaned_data["code"])
    except (factors.CodeRefusedError, factors.TooManyCodesError) as error:
        return _refused(request, error, code_form=form)
    return answer


def _refused(
    request: HttpRequest,
    error: factors.CodeRefusedError | factors.TooManyCodesError,
    **shown: forms.Form,
) -> HttpResponse:
    """Show the page again with ``error`` at the only field of the form."""
    for form in shown.values():
        form.add_error(next(iter(form.fields)), error.message)
    if not isinstance(error, factors.TooManyCodesError):
        return _page(request, status=400, **shown)
    response = _page(request, status=429, **shown)
    response.headers["Retry-After"] = str(error.wait)
    return response
