"""The form of a proxy, and trying what is in it before it is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import needs
from btc_watcher.lib.errors import BtcWatcherError, ConfigurationError
from proxies.advice import failure_advice, failure_sentence
from proxies.dispatch import proxy_test_soon
from proxies.forms import TARGETS, TELLING, ProxyForm
from proxies.models import Proxy
from proxies.probe import probe
from proxies.views.common import ADD, CHANGE, page, proxy_or_404
from proxies.words import failure_words

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@needs(ADD)
def new(request: HttpRequest) -> HttpResponse:
    """Make a proxy."""
    return _form(request, None)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@needs(CHANGE)
def edit(request: HttpRequest, number: int) -> HttpResponse:
    """Change a proxy."""
    return _form(request, proxy_or_404(number))


@sensitive_post_parameters()
@require_POST
@needs(ADD, CHANGE)
def attempt(request: HttpRequest) -> HttpResponse:
    """Try what is in the form through the proxy, at once; nothing is stored.

    ``proxy`` is the number of a stored one, whose password is used if none is entered.
    """
    text = request.POST.get("proxy", "")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    proxy = proxy_or_404(number) if number else None
    if not request.user.has_perm(CHANGE if proxy else ADD):
        raise PermissionDenied
    form = ProxyForm(request.POST, proxy=proxy)
    return page(request, "parts/attempt.html", _attempt(form))


def _attempt(form: ProxyForm) -> dict[str, Any]:
    if not form.is_valid():
        wrong = [form[name] for name in form.errors if name in form.fields]
        return {"wrong": wrong, "form": form}
    try:
        address, rules = form.address(), form.health_rules()
    except BtcWatcherError as error:
        return {"problem": error.message}
    result = probe(address, form.cleaned_data["test_url"], rules)
    return {
        "result": result,
        "words": failure_words(result.failure),
        "sentence": failure_sentence(result.failure, result.message),
        "advice": failure_advice(result.failure),
    }


def _form(request: HttpRequest, proxy: Proxy | None) -> HttpResponse:
    posted = request.method == "POST"
    form = ProxyForm(request.POST if posted else None, proxy=proxy)
    if posted and form.is_valid():
        try:
            saved = form.save()
        except ConfigurationError as error:
            form.add_error(None, error.message)
        else:
            return _saved(request, saved)
    context = {
        "form": form,
        "proxy": proxy,
        "targets": TARGETS,
        "telling": TELLING,
        "wrong": [form[name] for name in form.errors if name in form.fields],
    }
    return page(request, "form.html", context, status=400 if posted else 200)


def _saved(request: HttpRequest, proxy: Proxy) -> HttpResponse:
    # What has been proven already stays so.
    if proxy.enabled and proxy.status == Proxy.Status.UNKNOWN:
        proxy_test_soon(proxy.pk, "on_demand")
        messages.success(request, _("Saved. It is being tested now."))
    else:
        messages.success(request, _("Saved."))
    return redirect("proxies:detail", proxy.pk)
