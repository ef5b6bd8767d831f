"""Logging in and out, with the second factor in between, and the language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login as auth_login
from django.contrib.auth.views import LogoutView, RedirectURLMixin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST
from django.views.generic.edit import FormView
from django.views.i18n import set_language

from accounts import services
from accounts.display import follows_browser
from accounts.facts import request_facts
from accounts.forms import CodeForm, LoginForm
from accounts.models import User
from accounts.permissions import anyone
from accounts.preferences import (
    django_language,
    start_address,
    user_language,
    zone_or_default,
)
from accounts.second_factor.services import (
    CodeRefusedError,
    TooManyCodesError,
    code_check,
    factor_of,
)
from accounts.selectors import nobody_can_log_in

if TYPE_CHECKING:
    from django import forms
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    # Generic for the type checker alone: the class takes no index at run time.
    AnyFormView = FormView[Any]
else:
    AnyFormView = FormView

# Where the session keeps who has given the password and not yet the code.
HALFWAY: Final = "second_factor_of"
# Seconds that there are for the code.
HALFWAY_LASTS: Final = 300


class _EnteringView(RedirectURLMixin, AnyFormView):
    """A form at the end of which somebody may be logged in."""

    next_page = settings.LOGIN_REDIRECT_URL

    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Send people on who are logged in already."""
        if request.user.is_authenticated:
            return HttpResponseRedirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def get_success_url(self) -> str:
        """Return the page that was asked for, else the one the person begins with.

        The bare address of the site is no wish: whoever types it gets that page too.
        """
        wanted = str(self.get_redirect_url())
        if wanted not in {"", settings.LOGIN_REDIRECT_URL}:
            return wanted
        return start_address(self.request.user)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add where to go after the login."""
        return super().get_context_data(**kwargs) | {"next": self.get_redirect_url()}

    def _enter(self, user: User) -> HttpResponse:
        auth_login(self.request, user)
        if seen := user_language(translation.get_language() or ""):
            services.language_note(user=user, language=seen)
        failed = services.login_note(user=user, facts=request_facts(self.request))
        if failed.number:
            # Read on the next page, which is in their language and not in this one's.
            with translation.override(_next_language(user)):
                messages.warning(self.request, _failed_words(failed, user))
        return HttpResponseRedirect(self.get_success_url())

    def _refused(
        self, form: forms.Form, sentence: str, *, wait: int | None = None
    ) -> HttpResponse:
        form.add_error(None, sentence)
        response = self.render_to_response(
            self.get_context_data(form=form), status=429 if wait else 200
        )
        if wait:
            response.headers["Retry-After"] = str(wait)
        return response


@method_decorator(
    [anyone, sensitive_post_parameters("password"), never_cache], name="dispatch"
)
class LoginView(_EnteringView):
    """The login page; goes to ``next`` when that is an address of ours."""

    template_name = "accounts/login.html"
    form_class = LoginForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether the first account is still to be made."""
        return super().get_context_data(**kwargs) | {"fresh": nobody_can_log_in()}

    def form_valid(self, form: LoginForm) -> HttpResponse:
        """Log in, ask for the code, or show why not."""
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
        if factor_of(user) is None:
            return self._enter(user)
        self.request.session[HALFWAY] = {
            "user": user.pk,
            "hash": user.get_session_auth_hash(),
            "until": timezone.now().timestamp() + HALFWAY_LASTS,
        }
        address = reverse("accounts:login_code")
        query = self.request.GET.copy()
        query.clear()
        if wanted := self.get_redirect_url():
            query["next"] = wanted
        return redirect(f"{address}?{query.urlencode(safe='/')}" if query else address)


@method_decorator(
    [anyone, sensitive_post_parameters("code"), never_cache], name="dispatch"
)
class CodeView(_EnteringView):
    """The second step of the login: a code of the person's app."""

    template_name = "accounts/login_code.html"
    form_class = CodeForm
    _user: User

    def get_form(self, form_class: Any = None) -> Any:
        """Return the form; on this page there is nothing else to type into."""
        form = super().get_form(form_class)
        form.fields["code"].widget.attrs["autofocus"] = True
        return form

    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Begin anew with those who gave no password, or too long ago."""
        user = _halfway(request)
        if user is None and not request.user.is_authenticated:
            return redirect("accounts:login")
        if user is not None:
            self._user = user
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: CodeForm) -> HttpResponse:
        """Log in, or show why not."""
        try:
            code_check(
                user=self._user,
                code=form.cleaned_data["code"],
                facts=request_facts(self.request),
            )
        except TooManyCodesError as error:
            return self._refused(form, error.message, wait=error.wait)
        except CodeRefusedError as error:
            return self._refused(form, error.message)
        self.request.session.pop(HALFWAY, None)
        return self._enter(self._user)


def _halfway(request: HttpRequest) -> User | None:
    """Return who has given the password in this browser, and not yet the code."""
    noted = request.session.get(HALFWAY)
    if not noted or noted["until"] < timezone.now().timestamp():
        return None
    user = User.objects.filter(pk=noted["user"], is_active=True).first()
    # A password that was changed meanwhile has to be given again.
    if user and constant_time_compare(noted["hash"], user.get_session_auth_hash()):
        return user
    return None


def _next_language(user: User) -> str:
    if follows_browser(user.preferences, user.language):
        return translation.get_language() or settings.LANGUAGE_CODE
    return django_language(user.language)


def _failed_words(failed: services.FailedBefore, user: User) -> str:
    words = ngettext(
        "Since your last login %(count)d attempt with your name failed.",
        "Since your last login %(count)d attempts with your name failed.",
        failed.number,
    ) % {"count": failed.number}
    if failed.last_at is None:
        return words
    moment = timezone.localtime(failed.last_at, zone_or_default(user.timezone))
    latest = _("The latest came from %(address)s at %(time)s.") % {
        "address": failed.last_address or "?",
        "time": date_format(moment, "Y-m-d H:i T"),
    }
    return f"{words} {latest}"


@method_decorator(anyone, name="dispatch")
class Logout(LogoutView):
    """Logs out (POST only); the middleware closes the session's row."""


@anyone
@require_GET
def admin_login(request: HttpRequest) -> HttpResponseBase:
    """Replace the admin's own login page: one way in, with one limit on guessing."""
    if not request.user.is_authenticated:
        query = request.GET.urlencode(safe="/")
        return redirect(f"{reverse('accounts:login')}?{query}")
    if not (request.user.is_active and request.user.is_staff):
        raise PermissionDenied
    return LoginView.as_view()(request)


@anyone
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Switch the language, for this browser and for the person."""
    chosen = user_language(request.POST.get("language", ""))
    if chosen and isinstance(request.user, User):
        services.language_save(user=request.user, language=chosen)
    return set_language(request)
