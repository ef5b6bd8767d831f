"""The form of a proxy: its password goes in and never comes out."""

from __future__ import annotations

from dataclasses import fields as fields_of
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.sockets import ProxyAddress
from proxies.models import Proxy
from proxies.problems import proxy_problems
from proxies.rules import RANGES, HealthRules, rules_read
from proxies.selectors import proxy_address
from proxies.services import proxy_create, proxy_update

if TYPE_CHECKING:
    from collections.abc import Mapping


DEFAULTS: Final = {each.name: each.default for each in fields_of(HealthRules)}
WHOLE: Final = "health_check_config"
# As a Chinese keyboard writes a comma.
FULL_WIDTH: Final = "\uff0c"
# What a test may ask; the second tells the exit address.
TARGETS: Final = (
    ("https://api.binance.com/api/v3/ping", "Binance"),
    ("https://www.okx.com/api/v5/public/time", "OKX"),
    ("https://api.bybit.com/v5/market/time", "Bybit"),
    ("https://api.gateio.ws/api/v4/spot/time", "Gate"),
    ("https://api.kucoin.com/api/v1/timestamp", "KuCoin"),
    ("https://api.kraken.com/0/public/Time", "Kraken"),
)
TELLING: Final = (
    ("https://api.ipify.org/?format=json", "ipify"),
    ("https://ifconfig.me/ip", "ifconfig.me"),
)


def _number(label: Any, help_text: Any) -> forms.FloatField:
    return forms.FloatField(
        label=label,
        help_text=help_text,
        required=False,
        widget=forms.NumberInput({"inputmode": "decimal", "step": "any"}),
    )


class ProxyForm(forms.Form):
    """A whole proxy. What the service refuses is said beside the field.

    ``proxy`` is the stored one, or None for a new one.
    """

    use_required_attribute = False
    required_css_class = "needed"

    name = forms.CharField(
        label=gettext_lazy("Name"),
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text=gettext_lazy(
            "Where it is and whose it is, such as: Tokyo, provider A."
        ),
    )
    type = forms.ChoiceField(
        label=gettext_lazy("Type"),
        choices=Proxy.Type.choices,
        initial="http",
        help_text=gettext_lazy(
            "As the provider says. HTTP and SOCKS5 also carry a password."
        ),
    )
    host = forms.CharField(
        label=gettext_lazy("Host"),
        widget=forms.TextInput(
            {"autocomplete": "off", "spellcheck": "false", "placeholder": "203.0.113.8"}
        ),
        help_text=gettext_lazy("A name or an IP address, without http:// and port."),
    )
    port = forms.IntegerField(
        label=gettext_lazy("Port"),
        widget=forms.NumberInput({"inputmode": "numeric", "placeholder": "1080"}),
    )
    username = forms.CharField(
        label=gettext_lazy("User name"),
        required=False,
        strip=False,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "new-password"}
        ),
    )
    forget_password = forms.BooleanField(
        label=gettext_lazy("Remove the stored password"), required=False
    )
    enabled = forms.BooleanField(
        label=gettext_lazy("Switched on"), required=False, initial=True
    )
    priority = forms.IntegerField(
        label=gettext_lazy("Priority"),
        initial=1,
        widget=forms.NumberInput({"inputmode": "numeric"}),
        help_text=gettext_lazy(
            "1 goes first when a healthy proxy is looked for. Equal ones: the faster."
        ),
    )
    test_url = forms.CharField(
        label=gettext_lazy("Test address"),
        initial=Proxy().test_url,
        widget=forms.URLInput({"spellcheck": "false", "autocomplete": "off"}),
    )
    timeout_seconds = _number(
        gettext_lazy("Time-out, seconds"),
        gettext_lazy("A test without an answer fails."),
    )
    expected_status = forms.CharField(
        label=gettext_lazy("Expected statuses"),
        required=False,
        help_text=gettext_lazy(
            "HTTP statuses that count as success, parted by commas."
        ),
    )
    window = _number(
        gettext_lazy("Tests that count"), gettext_lazy("The newest so many are judged.")
    )
    healthy_percent = _number(
        gettext_lazy("Healthy above, %"),
        gettext_lazy("Share of successes among them."),
    )
    failures_to_flip = _number(
        gettext_lazy("Failures in a row"),
        gettext_lazy("So many make it unhealthy at once."),
    )
    successes_to_flip = _number(
        gettext_lazy("Successes in a row"),
        gettext_lazy("So many are needed to be healthy again."),
    )
    hold_down_seconds = _number(
        gettext_lazy("Hold-down, seconds"),
        gettext_lazy(
            "So long it stays unhealthy at least, so that nobody goes to and fro."
        ),
    )
    retry_minutes = _number(
        gettext_lazy("Tried again every, minutes"),
        gettext_lazy("While it is unhealthy."),
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, proxy: Proxy | None = None
    ) -> None:
        self.proxy = proxy
        super().__init__(data, initial=_initial(proxy) if proxy else None)
        for name, default in DEFAULTS.items():
            shown = (
                ", ".join(map(str, default)) if isinstance(default, tuple) else default
            )
            self.fields[name].widget.attrs["placeholder"] = f"{shown}"
        for name, (least, most) in RANGES.items():
            self.fields[name].widget.attrs |= {"min": least, "max": most}

    @property
    def has_password(self) -> bool:
        """Whether a password is stored."""
        return bool(self.proxy and self.proxy.password_encrypted)

    def rules(self) -> list[forms.BoundField]:
        """Return the fields of the health check."""
        return [self[name] for name in DEFAULTS]

    def clean(self) -> dict[str, Any]:
        """Let the service say what is wrong with each field."""
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        values = self.values() | {"password": self._password_meant()}
        number = self.proxy.pk if self.proxy else None
        kept = not (
            self.cleaned_data["password"] or self.cleaned_data["forget_password"]
        )
        problems = proxy_problems(
            values, proxy_id=number, kept_of=self.proxy if kept else None
        )
        for name, sentences in problems.items():
            field = name.removeprefix(f"{WHOLE}.")
            self.add_error(field if field in self.fields else None, sentences[0])
        return data

    def clean_expected_status(self) -> list[int]:
        """Return the numbers; an empty list means the default."""
        text = self.cleaned_data["expected_status"].replace(FULL_WIDTH, ",")
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not all(part.isascii() and part.isdecimal() for part in parts):
            raise forms.ValidationError(
                _("Enter numbers parted by commas, such as 200, 204.")
            )
        return [int(part) for part in parts]

    def values(self) -> dict[str, Any]:
        """Return what is stored of a form without errors, but the password."""
        data = self.cleaned_data
        plain = ("name", "type", "host", "port", "enabled", "priority", "test_url")
        return {name: data[name] for name in plain} | {
            "username": data["username"] or None,
            WHOLE: self._health_check(),
        }

    def save(self) -> Proxy:
        """Create or change the proxy; ConfigurationError when it was refused after all."""
        values, data = self.values(), self.cleaned_data
        if self.proxy is None:
            return proxy_create(**values, password=data["password"] or None)
        if data["forget_password"]:
            values["password"] = None
        elif data["password"]:
            values["password"] = data["password"]
        return proxy_update(self.proxy, **values)

    def address(self) -> ProxyAddress:
        """Return the address to try; raises EncryptionError for an unreadable password."""
        data = self.cleaned_data
        password = data["password"]
        if not password and self.has_password and not data["forget_password"]:
            assert self.proxy is not None  # noqa: S101 - has_password says so
            password = proxy_address(self.proxy).password
        return ProxyAddress(
            data["type"],
            data["host"],
            data["port"],
            data["username"],
            password,
        )

    def health_rules(self) -> HealthRules:
        """Return the rules that a form without errors says."""
        return rules_read(self._health_check())

    def _health_check(self) -> dict[str, Any]:
        data = {name: self.cleaned_data.get(name) for name in DEFAULTS}
        return {
            name: _whole(value)
            for name, value in data.items()
            if value not in (None, [])
        }

    def _password_meant(self) -> str | None:
        data = self.cleaned_data
        if data["forget_password"]:
            return None
        # Any text stands for the stored one.
        return data["password"] or ("kept" if self.has_password else None)


def _initial(proxy: Proxy) -> dict[str, Any]:
    names = (
        "name",
        "type",
        "host",
        "port",
        "username",
        "enabled",
        "priority",
        "test_url",
    )
    config = (
        proxy.health_check_config if isinstance(proxy.health_check_config, dict) else {}
    )
    found = {name: getattr(proxy, name) for name in names}
    found |= {name: config[name] for name in DEFAULTS if name in config}
    statuses = config.get("expected_status")
    if isinstance(statuses, list):
        found["expected_status"] = ", ".join(map(str, statuses))
    return found


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
