"""How the person reads pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts import services
from accounts.forms import PreferencesForm
from accounts.permissions import own
from accounts.preferences import django_language
from accounts.views.common import page, person

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_GET
@own
@never_cache
def profile(request: HttpRequest) -> HttpResponse:
    """Show the person's role and preferences."""
    return page(request, "profile", {"form": PreferencesForm(user=person(request))})


@own
def preferences(request: HttpRequest) -> HttpResponse:
    """Save language, time zone and quiet hours."""
    if request.method != "POST":
        return redirect("accounts:profile")
    user = person(request)
    form = PreferencesForm(request.POST, user=user)
    if not form.is_valid():
        return page(request, "profile", {"form": form}, status=400)
    chosen = form.cleaned_data
    services.preferences_save(
        user=user,
        language=chosen["language"],
        timezone_name=chosen["timezone"],
        quiet_hours=form.quiet_hours(),
    )
    messages.success(request, _("Saved."))
    response = redirect("accounts:profile")
    # The switch's cookie goes before what is stored, so it must agree.
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        django_language(chosen["language"]),
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        domain=settings.LANGUAGE_COOKIE_DOMAIN,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
    )
    return response
