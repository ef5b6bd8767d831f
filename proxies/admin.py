"""Proxies and their tests in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from btc_watcher.lib.admin import HistoryAdmin, links, stored_mark
from btc_watcher.lib.admin_actions import asks_first, tell
from btc_watcher.lib.admin_filters import LinkedFilter, PeriodFilter
from btc_watcher.lib.errors import ConfigurationError
from proxies.advice import failure_sentence
from proxies.dispatch import proxy_test_soon
from proxies.models import Proxy, ProxyTest
from proxies.problems import proxy_problems
from proxies.selectors import metrics_of, proxy_users
from proxies.services import (
    proxy_create,
    proxy_disable,
    proxy_enable,
    proxy_test_many,
    proxy_update,
)
from proxies.services.changing import FIELDS, KEPT
from proxies.words import failure_words, why_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import HttpRequest

    # Generic for the type checker alone: the classes take no index at run time.
    ModelForm = forms.ModelForm[Proxy]
    ProxyModelAdmin = admin.ModelAdmin[Proxy]
else:
    ModelForm = forms.ModelForm
    ProxyModelAdmin = admin.ModelAdmin


class ProxyModelForm(ModelForm):
    """A proxy whose password goes in and never comes out."""

    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "new-password"}
        ),
    )
    forget_password = forms.BooleanField(
        label=_("Remove the stored password"), required=False
    )

    class Meta:
        model = Proxy
        fields = FIELDS
        help_texts: ClassVar = {
            "health_check_config": _(
                "A JSON object. “View on site” leads to a form for each of its keys."
            ),
            "priority": _(
                "1 goes first when a healthy proxy is looked for. Equal ones: the faster."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = (
            _("Stored. Leave empty to keep it.")
            if self.instance.password_encrypted
            else _("Not stored yet.")
        )

    def clean(self) -> dict[str, Any]:
        """Let the service say what is wrong with each field."""
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        kept = KEPT if self.instance.password_encrypted else None
        meant = None if data["forget_password"] else data["password"] or kept
        values = {name: data[name] for name in FIELDS} | {"password": meant}
        is_kept = not (data["password"] or data["forget_password"])
        problems = proxy_problems(
            values,
            proxy_id=self.instance.pk,
            kept_of=self.instance if is_kept else None,
        )
        for name, sentences in problems.items():
            self.add_error(name.partition(".")[0], sentences)
        return data

    def save_proxy(self) -> Proxy:
        """Create or change the proxy; call it on a valid form."""
        data = self.cleaned_data
        values = {name: data[name] for name in FIELDS}
        if not self.instance.pk:
            return proxy_create(**values, password=data["password"] or None)
        if data["forget_password"]:
            values["password"] = None
        elif data["password"]:
            values["password"] = data["password"]
        return proxy_update(self.instance, **values)


@admin.register(Proxy)
class ProxyAdmin(ProxyModelAdmin):
    """Proxies: made, changed, switched and tested by the services."""

    form = ProxyModelForm
    list_display = (
        "name",
        "type",
        "host",
        "port",
        "enabled",
        "status",
        "success_rate",
        "p50",
        "last_test_time",
        "priority",
        "more",
    )
    list_filter = ("status", "enabled", "type")
    search_fields = ("name", "host")
    ordering = ("priority", "name")
    fields = (*FIELDS[:5], "password", "forget_password", *FIELDS[5:])
    readonly_fields = (
        *("status", "last_test_time", "created_at", "updated_at"),
        *("users", "more"),
    )
    actions = ("test_now", "enable", "disable")

    def get_fieldsets(self, request: HttpRequest, obj: Proxy | None = None) -> Any:
        """Show what is known of it below what can be changed.

        Who only reads has no form: of the password they see whether there is one.
        """
        names = [*self.fields, *self.readonly_fields]
        if obj is not None and not self.has_change_permission(request, obj):
            names.remove("forget_password")
            names[names.index("password")] = "shown_password"
        return [(None, {"fields": names})]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Proxy | None = None
    ) -> tuple[str, ...]:
        """Tell Django of the mark that stands for the password."""
        return (*self.readonly_fields, "shown_password")

    @admin.display(description=_("Password"))
    def shown_password(self, proxy: Proxy) -> str:
        """Whether there is one."""
        return stored_mark(stored=bool(proxy.password_encrypted))

    @admin.display(description=_("used by"))
    def users(self, proxy: Proxy) -> str:
        """Links to what goes through it."""
        used = proxy_users(proxy.pk) if proxy.pk else []
        return links((use.url, use.name) for use in used) or "-"

    @admin.display(description=_("more"))
    def more(self, proxy: Proxy) -> str:
        """Links to its page and its tests."""
        if not proxy.pk:
            return ""
        tests = reverse("admin:proxies_proxytest_changelist")
        page = reverse("proxies:detail", args=[proxy.pk])
        return links(((page, _("page")), (f"{tests}?proxy_id={proxy.pk}", _("tests"))))

    def get_form(
        self,
        request: HttpRequest,
        obj: Proxy | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **kwargs: Any,
    ) -> type[ProxyModelForm]:
        """Return the form as it is."""
        return ProxyModelForm

    def view_on_site(self, obj: Proxy) -> str:
        """Return the page of the proxy."""
        return reverse("proxies:detail", args=[obj.pk])

    def get_actions(self, request: HttpRequest) -> Any:
        """Removing many at once would remove some that are used."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def save_model(
        self, request: HttpRequest, obj: Proxy, form: Any, change: Any
    ) -> None:
        """Save through the services, which encrypt, and have it tested."""
        saved = form.save_proxy()
        obj.pk = saved.pk
        obj.refresh_from_db()
        if saved.enabled and saved.status == Proxy.Status.UNKNOWN:
            proxy_test_soon(saved.pk, "on_demand")

    def has_delete_permission(
        self, request: HttpRequest, obj: Proxy | None = None
    ) -> bool:
        """Its own page deletes it, and says who uses it."""
        return False

    @admin.display(description=_("success, %"))
    def success_rate(self, proxy: Proxy) -> float | None:
        """Of the tests that count."""
        return metrics_of(proxy).success_rate

    @admin.display(description=_("median, ms"))
    def p50(self, proxy: Proxy) -> int | None:
        """Of the tests that count."""
        return metrics_of(proxy).p50_ms

    @admin.action(description=_("Test now"), permissions=["change"])
    def test_now(self, request: HttpRequest, queryset: QuerySet[Proxy]) -> None:
        """Test the chosen proxies at once and tell each result."""
        for proxy, test in proxy_test_many(queryset, "on_demand"):
            if test.success:
                words = _("%(latency)s ms") % {"latency": test.latency_ms}
                self.message_user(request, f"{proxy}: {words}", messages.SUCCESS)
                continue
            failure = test.test_details["failure"]
            words = failure_sentence(failure, test.error_message or "")
            self.message_user(request, f"{proxy}: {words}", messages.ERROR)

    @admin.action(description=_("Enable"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Proxy]) -> None:
        """Switch the chosen proxies on."""
        for proxy in self._each(request, queryset, proxy_enable):
            proxy_test_soon(proxy.pk, "on_demand")

    @admin.action(description=_("Disable"), permissions=["change"])
    @asks_first(
        _("What goes through them goes another way or not at all, by its own policy.")
    )
    def disable(self, request: HttpRequest, queryset: QuerySet[Proxy]) -> None:
        """Switch the chosen proxies off; who uses them goes by its policy."""
        self._each(request, queryset, proxy_disable)

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Proxy],
        service: Callable[[Proxy], Proxy],
    ) -> list[Proxy]:
        done: list[Proxy] = []
        refused: list[str] = []
        for proxy in queryset:
            try:
                done.append(service(proxy))
            except ConfigurationError as error:
                refused.append(error.message)
        words = ngettext(
            "%(count)d proxy was changed.", "%(count)d proxies were changed.", len(done)
        )
        tell(self, request, words % {"count": len(done)}, refused)
        return done


class ProxyFilter(LinkedFilter):
    """Tests of one proxy."""

    model = Proxy
    title = _("proxy")
    parameter_name = column = "proxy_id"


class ProxyTestPeriodFilter(PeriodFilter):
    """The last day by default: a test is hourly at least."""

    column = "test_time"
    periods = (1, 7, 31)


@admin.register(ProxyTest)
class ProxyTestAdmin(HistoryAdmin):
    """Tests, to be read only."""

    list_display = (
        "test_time",
        "proxy",
        "success",
        "latency_ms",
        "failure",
        "why",
        "sentence",
    )
    list_filter = (ProxyTestPeriodFilter, "success", ProxyFilter)
    list_select_related = ("proxy",)
    ordering = ("-test_time", "-id")

    @admin.display(description=_("failure"))
    def failure(self, test: ProxyTest) -> str:
        """The class of the failure in words."""
        failure = str(test.test_details.get("failure") or "")
        return failure_words(failure) if failure else ""

    @admin.display(description=_("why tested"))
    def why(self, test: ProxyTest) -> str:
        """Why the test was made."""
        return why_words(str(test.test_details.get("why") or ""))

    @admin.display(description=_("what happened"))
    def sentence(self, test: ProxyTest) -> str:
        """What was recorded, in the reader's language."""
        failure = str(test.test_details.get("failure") or "")
        return failure_sentence(failure, test.error_message or "")
