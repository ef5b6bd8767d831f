"""Login, logout, language switch and the person's own profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login as auth_login
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LogoutView, RedirectURLMixin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST
from django.views.generic.edit import FormView
from django.views.i18n import set_language

from accounts import services
from accounts.facts import request_facts
from accounts.forms import LoginForm, PasswordChangeForm, PreferencesForm, TokenForm
from accounts.models import User
from accounts.preferences import django_language, user_language
from accounts.selectors import SESSION_TOKEN, session_view, sessions_of

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    # Generic for the type checker alone: the class takes no index at run time.
    LoginFormView = FormView[LoginForm]
else:
    LoginFormView = FormView


@method_decorator([sensitive_post_parameters("password"), never_cache], name="dispatch")
class LoginView(RedirectURLMixin, LoginFormView):
    """The login page; goes to ``next`` when that is an address of ours."""

    template_name = "accounts/login.html"
    form_class = LoginForm
    next_page = settings.LOGIN_REDIRECT_URL

    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Send people on who are logged in already."""
        if request.user.is_authenticated:
            return HttpResponseRedirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: LoginForm) -> HttpResponse:
        """Log in, or show why not."""
        try:
            user = services.credentials_check(
                username=form.cleaned_data["username"],
                password=form.cleaned_data["password"],
                facts=request_facts(self.request),
            )
        except services.TooManyLoginsError as error:
            return self._refused(form, error.message, wait=error.wait)
        except services.LoginRefusedError as error:
            return self._refused(form, error.message)
        auth_login(self.request, user)
        return HttpResponseRedirect(self.get_success_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add where to go after the login."""
        return super().get_context_data(**kwargs) | {"next": self.get_redirect_url()}

    def _refused(
        self, form: LoginForm, sentence: str, *, wait: int | None = None
    ) -> HttpResponse:
        form.add_error(None, sentence)
        response = self.render_to_response(
            self.get_context_data(form=form), status=429 if wait else 200
        )
        if wait:
            response.headers["Retry-After"] = str(wait)
        return response


class Logout(LogoutView):
    """Logs out (POST only); the middleware closes the session's row."""


@require_GET
def admin_login(request: HttpRequest) -> HttpResponseBase:
    """Replace the admin's own login page: one way in, with one limit on guessing."""
    if not request.user.is_authenticated:
        query = request.GET.urlencode(safe="/")
        return redirect(f"{reverse('accounts:login')}?{query}")
    if not (request.user.is_active and request.user.is_staff):
        raise PermissionDenied
    return LoginView.as_view()(request)


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Switch the language, for this browser and for the person."""
    chosen = user_language(request.POST.get("language", ""))
    if chosen and isinstance(request.user, User):
        services.language_save(user=request.user, language=chosen)
    return set_language(request)


def _profile(request: HttpRequest, status: int = 200, **shown: Any) -> HttpResponse:
    """Render the profile; ``shown`` replaces forms that had errors and the token."""
    user = _person(request)
    sessions = sessions_of(user, current_token=request.session.get(SESSION_TOKEN))
    context = {
        "preferences_form": PreferencesForm(user=user),
        "password_form": PasswordChangeForm(user),
        "token_form": TokenForm(),
        "browsers": [session for session in sessions if session.is_browser],
        "tokens": [session for session in sessions if not session.is_browser],
    }
    return render(request, "accounts/profile.html", context | shown, status=status)


def _person(request: HttpRequest) -> User:
    """Return the user; login_required has seen to it that there is one."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


@require_GET
@login_required
@never_cache
def profile(request: HttpRequest) -> HttpResponse:
    """Show the person's preferences, sessions and API tokens."""
    return _profile(request)


@login_required
def preferences(request: HttpRequest) -> HttpResponse:
    """Save language, time zone and quiet hours."""
    if request.method != "POST":
        return redirect("accounts:profile")
    user = _person(request)
    form = PreferencesForm(request.POST, user=user)
    if not form.is_valid():
        return _profile(request, status=400, preferences_form=form)
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


@sensitive_post_parameters()
@login_required
def password(request: HttpRequest) -> HttpResponse:
    """Change the password and end every other session and token."""
    if request.method != "POST":
        return redirect("accounts:profile")
    user = _person(request)
    form = PasswordChangeForm(user, request.POST)
    if not form.is_valid():
        return _profile(request, status=400, password_form=form)
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
    return redirect("accounts:profile")


@login_required
@never_cache
def tokens(request: HttpRequest) -> HttpResponse:
    """Make an API token and show it, this once."""
    if request.method != "POST":
        return redirect("accounts:profile")
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _profile(request, status=400, token_form=form)
    row, token = services.token_create(
        user=_person(request),
        facts=request_facts(request),
        days=form.cleaned_data["days"],
        name=form.cleaned_data["name"],
    )
    return _profile(request, new_token=token, new_session=session_view(row))


@require_POST
@login_required
def session_revoke(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """End one of the person's own sessions or tokens."""
    if not services.session_revoke(session_id=session_id, user=_person(request)):
        raise Http404
    messages.success(request, _("Ended."))
    return redirect("accounts:profile")
