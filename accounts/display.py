"""How pages look and sound to a person: what is kept in ``User.preferences``. Pure.

Kept under ``display``: theme, rise, start, calls, shortcuts. What is absent was not chosen. Kept
under ``language_noted``: the language of the browser of a person who chose none.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY: Final = "display"
LANGUAGE_NOTED: Final = "language_noted"


class Theme(TextChoices):
    """Colours of the pages' ground."""

    AUTO = "auto", _("As the system")
    DARK = "dark", _("Dark")
    LIGHT = "light", _("Light")


class Rise(TextChoices):
    """The colour of what rises; what falls has the other one."""

    GREEN = "green", _("Green rises, red falls")
    RED = "red", _("Red rises, green falls")


class Start(TextChoices):
    """Where a person arrives after the login."""

    DASHBOARD = "dashboard", _("Dashboard")
    LIVE = "live", _("Live signals")


class CallLevel(TextChoices):
    """From which level on a signal calls."""

    STRONG = "strong", _("strong")
    MEDIUM = "medium", _("medium")
    WEAK = "weak", _("weak")


@dataclass(frozen=True, slots=True)
class Calls:
    """What a signal that arrives on the live page does, where a browser has no say."""

    sound: bool = False
    notify: bool = False
    level: str = CallLevel.STRONG.value


@dataclass(frozen=True, slots=True)
class Display:
    """A person's choices; an empty ``theme`` or ``rise`` was not made."""

    theme: str = ""
    rise: str = ""
    start: str = Start.DASHBOARD.value
    calls: Calls = field(default_factory=Calls)
    # Whether keys of one character do something on pages.
    shortcuts: bool = True

    @classmethod
    def read(cls, preferences: Mapping[str, Any]) -> Display:
        """Read what is stored; what makes no sense counts as not chosen."""
        stored = _mapping(preferences.get(KEY))
        calls = _mapping(stored.get("calls"))
        return cls(
            theme=_one_of(Theme, stored.get("theme"), ""),
            rise=_one_of(Rise, stored.get("rise"), ""),
            start=_one_of(Start, stored.get("start"), Start.DASHBOARD.value),
            calls=Calls(
                sound=calls.get("sound") is True,
                notify=calls.get("notify") is True,
                level=_one_of(CallLevel, calls.get("level"), CallLevel.STRONG.value),
            ),
            shortcuts=stored.get("shortcuts") is not False,
        )

    def stored(self) -> dict[str, Any]:
        """Return what is kept: only what differs from a person who chose nothing."""
        mine, usual = asdict(self), asdict(Display())
        return {name: value for name, value in mine.items() if value != usual[name]}


def follows_browser(preferences: Mapping[str, Any], language: str) -> bool:
    """Tell whether a person with the stored ``language`` reads in that of their browser.

    Whatever writes another language into the account's column has chosen one.
    """
    return preferences.get(LANGUAGE_NOTED) == language


def rise_of(display: Display, language: str) -> str:
    """Return the colour of what rises: as chosen, else as readers of ``language`` expect.

    In China red rises. ``language`` is ours or Django's code.
    """
    if display.rise:
        return display.rise
    return (Rise.RED if language.lower().startswith("zh") else Rise.GREEN).value


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _one_of(choices: type[TextChoices], value: object, otherwise: str) -> str:
    return str(value) if value in choices.values else otherwise
