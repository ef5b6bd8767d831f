"""When a channel tells, how much, by which way, and what if it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.preferences import zone_names
from notifications.budgets import LARGEST, WINDOWS
from notifications.forms.choices import with_stored
from notifications.forms.rules import offer
from notifications.forms.sections import Section, object_of
from notifications.receivers import LANGUAGES, REPEAT_MINUTES, SPEED
from notifications.services.targets import default_limits
from proxies.ranking import DEFAULT_POLICY, policy_read
from proxies.words import POLICY_WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notifications.forms.choices import Pairs

SPEEDS: Final = {"P1": (0, 15, 30, 60), "P2": (0, 60, 300, 900, 3600)}
REPEATS: Final = (0, 30, 60, 240, 720, 1440)
PASSES: Final = (
    ("P0", gettext_lazy("P0 is told all the same")),
    ("none", gettext_lazy("nothing is told")),
)
LANGUAGE_NAMES: Final = {"zh-hans": "简体中文", "en": "English"}


def _select(label: Any, help_text: Any = "") -> forms.ChoiceField:
    return forms.ChoiceField(label=label, help_text=help_text, required=False)


class TimesSection(Section):
    """Quiet hours, whose clock counts, how fast, and reminders of alerts."""

    keys: ClassVar[tuple[str, ...]] = (
        "quiet_hours",
        "user",
        "speed",
        "repeat_minutes",
    )

    quiet_from = forms.TimeField(
        label=gettext_lazy("Quiet from"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
    )
    quiet_to = forms.TimeField(
        label=gettext_lazy("Quiet to"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
    )
    quiet_zone = _select(gettext_lazy("Time zone"))
    quiet_passes = _select(gettext_lazy("Meanwhile"))
    user = _select(
        gettext_lazy("Belongs to"),
        gettext_lazy(
            "Whose language, time zone and quiet hours count where the channel has none."
            " Nobody's: messages tell the time in UTC."
        ),
    )
    speed_p1 = _select(gettext_lazy("P1 is gathered for"))
    speed_p2 = _select(gettext_lazy("P2 is gathered for"))
    repeat_minutes = _select(gettext_lazy("Alerts are told again every"))

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values, defaults where there are none."""
        quiet = object_of(config.get("quiet_hours"))
        speed = SPEED | object_of(config.get("speed"))
        return {
            "quiet_from": quiet.get("from"),
            "quiet_to": quiet.get("to"),
            "quiet_zone": quiet.get("zone", ""),
            "quiet_passes": quiet.get("passes", "P0"),
            "user": str(config.get("user") or ""),
            "speed_p1": str(speed["P1"]),
            "speed_p2": str(speed["P2"]),
            "repeat_minutes": str(config.get("repeat_minutes", REPEAT_MINUTES)),
        }

    def prepare(self) -> None:
        """Offer what there is, and what is stored."""
        zones = [(each, each.replace("_", " ")) for each in zone_names()]
        owner = _("that of the person, else UTC")
        offer(self, "quiet_zone", [("", owner), *self._stored("quiet_zone", zones)])
        offer(self, "quiet_passes", PASSES)
        users = self._stored("user", self.choices.users)
        offer(self, "user", [("", _("nobody")), *users])
        for name, times in (("speed_p1", SPEEDS["P1"]), ("speed_p2", SPEEDS["P2"])):
            spans = [(str(each), span_words(each)) for each in times]
            offer(self, name, self._stored(name, spans))
        spans = [(str(each), span_words(each * 60, never=True)) for each in REPEATS]
        offer(self, "repeat_minutes", self._stored("repeat_minutes", spans))

    def _stored(self, name: str, pairs: Pairs) -> list[tuple[str, str]]:
        stored = self.initial.get(name)
        if not stored or stored in dict(pairs):
            return list(pairs)
        if name == "user":
            return with_stored(pairs, [stored])
        unit = 60 if name == "repeat_minutes" else 1
        words = span_words(int(stored) * unit) if stored.isdecimal() else stored
        return [*pairs, (stored, words)]

    def clean(self) -> dict[str, Any]:
        """Quiet hours have both ends or none."""
        data = super().clean() or self.cleaned_data
        start, end = data.get("quiet_from"), data.get("quiet_to")
        if "quiet_from" in self.errors or "quiet_to" in self.errors:
            return data
        if (start is None) != (end is None):
            missing = "quiet_to" if end is None else "quiet_from"
            self.add_error(missing, _("Enter both times, or none."))
        elif start is not None and start == end:
            self.add_error("quiet_to", _("Enter another time than the beginning."))
        return data

    def written(self) -> dict[str, Any]:
        """Return the keys; defaults are absent."""
        data = self.cleaned_data
        config: dict[str, Any] = {}
        if data["quiet_from"] is not None:
            config["quiet_hours"] = quiet_written(data)
        if data["user"]:
            config["user"] = int(data["user"])
        speed = {"P1": data["speed_p1"], "P2": data["speed_p2"]}
        speed = {key: int(value) for key, value in speed.items() if value}
        if changed := {k: v for k, v in speed.items() if v != SPEED[k]}:
            config["speed"] = changed
        if data["repeat_minutes"] not in ("", str(REPEAT_MINUTES)):
            config["repeat_minutes"] = int(data["repeat_minutes"])
        return config


def quiet_written(data: Mapping[str, Any]) -> dict[str, str]:
    """Return quiet hours as the configuration and the preferences keep them."""
    quiet = {
        "from": f"{data['quiet_from']:%H:%M}",
        "to": f"{data['quiet_to']:%H:%M}",
        "passes": data["quiet_passes"] or "P0",
    }
    return quiet | ({"zone": data["quiet_zone"]} if data.get("quiet_zone") else {})


class LimitsSection(Section):
    """``rate_limit_config``: a default of the transport is shown where none is set."""

    second = forms.IntegerField(
        label=gettext_lazy("a second"), required=False, min_value=0, max_value=LARGEST
    )
    minute = forms.IntegerField(
        label=gettext_lazy("a minute"), required=False, min_value=0, max_value=LARGEST
    )
    hour = forms.IntegerField(
        label=gettext_lazy("an hour"), required=False, min_value=0, max_value=LARGEST
    )
    day = forms.IntegerField(
        label=gettext_lazy("a day"), required=False, min_value=0, max_value=LARGEST
    )

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the limits that are set; 0 stands for none."""
        del config
        stored = object_of(self.channel.rate_limit_config)
        return {name: stored[name] or 0 for name in WINDOWS if name in stored}

    def prepare(self) -> None:
        """Show the transport's defaults."""
        defaults = default_limits(self.channel.type)
        for name in WINDOWS:
            usual = defaults.get(name)
            attributes = self.fields[name].widget.attrs
            attributes["placeholder"] = str(usual) if usual else _("no limit")

    def written(self) -> dict[str, Any]:
        """Nothing of it is in ``config``."""
        return {}

    def limits(self) -> dict[str, int | None]:
        """Return ``rate_limit_config``; call it on a valid form."""
        return {
            name: self.cleaned_data[name] or None
            for name in WINDOWS
            if self.cleaned_data[name] is not None
        }


class WaySection(Section):
    """Proxy, fallback, language and what a lost outcome means."""

    keys: ClassVar[tuple[str, ...]] = (
        "proxy",
        "proxy_policy",
        "fallback",
        "at_most_once",
        "language",
    )

    fallback = _select(
        gettext_lazy("Fallback"),
        gettext_lazy("Takes what this channel could not deliver for good."),
    )
    at_most_once = forms.BooleanField(
        label=gettext_lazy("Rather lose a message than send it twice"),
        help_text=gettext_lazy(
            "When a worker ends while it sends, nobody knows whether the message"
            " arrived. It is sent again unless this is ticked."
        ),
        required=False,
    )
    proxy = _select(gettext_lazy("Proxy"))
    proxy_policy = _select(
        gettext_lazy("If the proxy fails"),
        gettext_lazy(
            "Counts while the proxy fails its tests, is switched off or is gone."
        ),
    )
    language = _select(gettext_lazy("Language"))

    def read(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values."""
        return {
            "fallback": str(config.get("fallback") or ""),
            "proxy": str(config.get("proxy") or ""),
            "proxy_policy": policy_read(config.get("proxy_policy")),
            "at_most_once": config.get("at_most_once") is True,
            "language": config.get("language") or "",
        }

    def prepare(self) -> None:
        """Offer the other channels, the proxies and the languages."""
        others = [x for x in self.choices.channels if x[0] != str(self.channel.pk)]
        for name, pairs, nothing in (
            ("fallback", others, _("none")),
            ("proxy", self.choices.proxies, _("none: directly")),
        ):
            stored = [self.initial[name]] if self.initial[name] else []
            offer(self, name, [("", nothing), *with_stored(pairs, stored)])
        offer(self, "proxy_policy", POLICY_WORDS)
        languages = [(code, LANGUAGE_NAMES[code]) for code in LANGUAGES]
        usual = _("that of the person, else of the installation")
        offer(self, "language", [("", usual), *languages])

    def written(self) -> dict[str, Any]:
        """Return the keys that are set."""
        data = self.cleaned_data
        config: dict[str, Any] = {}
        for name in ("fallback", "proxy"):
            if data[name]:
                config[name] = int(data[name])
        # The usual policy, and any of a channel without a proxy, is not worth a key.
        if data["proxy"] and data["proxy_policy"] not in ("", DEFAULT_POLICY):
            config["proxy_policy"] = data["proxy_policy"]
        if data["at_most_once"]:
            config["at_most_once"] = True
        if data["language"]:
            config["language"] = data["language"]
        return config


def span_words(seconds: int, *, never: bool = False) -> str:
    """Return a length of time in its largest whole unit; 0 is at once, or never."""
    if seconds == 0:
        return _("never") if never else _("not at all: at once")
    if seconds % 3600 == 0:
        count = seconds // 3600
        return ngettext("%(count)d hour", "%(count)d hours", count) % {"count": count}
    if seconds % 60 == 0:
        count = seconds // 60
        words = ngettext("%(count)d minute", "%(count)d minutes", count)
        return words % {"count": count}
    return ngettext("%(count)d second", "%(count)d seconds", seconds) % {
        "count": seconds
    }
