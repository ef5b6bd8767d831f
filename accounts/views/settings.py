"""One place for all that a person prefers, and what the system was set to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings as configured
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.display import Theme
from accounts.forms import PreferencesForm
from accounts.forms_settings import SettingsForm
from accounts.permissions import needs, own, reads
from accounts.preferences import django_language
from accounts.roles import OPERATE
from accounts.system_settings import groups_read
from accounts.views.common import page, person

if TYPE_CHECKING:
    from django.http import HttpRequest


@require_http_methods(["GET", "HEAD", "POST"])
@own
@never_cache
def settings(request: HttpRequest) -> HttpResponse:
    """Show and save what the person prefers."""
    user = person(request)
    if request.method != "POST":
        return page(request, "settings", {"form": SettingsForm(user=user)})
    form = SettingsForm(request.POST, user=user)
    if not form.is_valid():
        return page(request, "settings", {"form": form}, status=400)
    return _saved(request, form)


@reads
def profile(request: HttpRequest) -> HttpResponse:
    """Lead from where the preferences once were to where they are."""
    return redirect("accounts:settings")


@own
def preferences(request: HttpRequest) -> HttpResponse:
    """Save language, time zone and quiet hours alone."""
    if request.method != "POST":
        return redirect("accounts:settings")
    user = person(request)
    form = PreferencesForm(request.POST, user=user)
    if form.is_valid():
        return _saved(request, form)
    whole = SettingsForm(user=user)
    for name, errors in form.errors.items():
        whole.errors[name] = errors
    return page(request, "settings", {"form": whole}, status=400)


@require_POST
@own
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the theme that the switch at the top was set to.

    A script asks with ``Accept: application/json`` and stays where it is.
    """
    chosen = request.POST.get("theme", "")
    if chosen not in Theme.values:
        return HttpResponseBadRequest(_("Choose one of auto, dark and light."))
    services.display_save(user=person(request), theme=chosen)
    if request.headers.get("Accept") == "application/json":
        return HttpResponse(status=204)
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        back, {request.get_host()}, require_https=request.is_secure()
    )
    return redirect(back if safe else "accounts:settings")


@needs(OPERATE)
@never_cache
def system(request: HttpRequest) -> HttpResponse:
    """Show what this installation was set to; nothing can be changed here."""
    context = {
        "groups": groups_read(get_language() or "en"),
        "node": configured.NODE_NAME,
    }
    return page(request, "settings_system", context)


def _saved(request: HttpRequest, form: PreferencesForm) -> HttpResponse:
    chosen = form.cleaned_data
    services.preferences_save(
        user=person(request),
        language=chosen["language"] or None,
        timezone_name=chosen["timezone"],
        quiet_hours=form.quiet_hours(),
        display=form.display() if isinstance(form, SettingsForm) else None,
    )
    messages.success(request, _("Saved."))
    response = redirect("accounts:settings")
    if not chosen["language"]:
        response.delete_cookie(
            configured.LANGUAGE_COOKIE_NAME,
            path=configured.LANGUAGE_COOKIE_PATH,
            domain=configured.LANGUAGE_COOKIE_DOMAIN,
            samesite=configured.LANGUAGE_COOKIE_SAMESITE,
        )
        return response
    # So that the login page of this browser is in it as well.
    response.set_cookie(
        configured.LANGUAGE_COOKIE_NAME,
        django_language(chosen["language"]),
        max_age=configured.LANGUAGE_COOKIE_AGE,
        path=configured.LANGUAGE_COOKIE_PATH,
        domain=configured.LANGUAGE_COOKIE_DOMAIN,
        secure=configured.LANGUAGE_COOKIE_SECURE,
        httponly=configured.LANGUAGE_COOKIE_HTTPONLY,
        samesite=configured.LANGUAGE_COOKIE_SAMESITE,
    )
    return response
