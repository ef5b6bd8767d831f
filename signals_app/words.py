"""Words for codes, in the reader's language."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from signals_app.models import Level, SignalType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accounts.display import Calls

QUIET: Final = {
    "hold": _("not sent: entry and exit contradict each other"),
    "late": _("not sent: the candle was too old"),
    "weak": _("not sent: below the weak threshold"),
    "streak": _("not sent: goes on from the candle before"),
}
# The same in a word or two, for a narrow column.
QUIET_SHORT: Final = {
    "hold": _("contradiction"),
    "late": _("too late"),
    "weak": _("too weak"),
    "streak": _("in a streak"),
}
NOTICES: Final = {
    "sent": _("sent"),
    "pending": _("pending"),
    "retry": _("trying again"),
    "failed": _("failed"),
    "none": _("no channel"),
}
STRENGTH_SOURCES: Final = {
    "column": _("from the strategy's column"),
    "tag": _("from the tag"),
    "expression": _("from the expression"),
    "posted": _("as posted"),
    "default": _("default: the strategy gave none"),
}
ORIGINS: Final = {
    "live": _("live"),
    "backfill": _("back-filled: computed again on a later frame"),
    "api": _("posted by another program"),
}


def notice_words(notice: Mapping[str, Any]) -> dict[str, str]:
    """Return ``state`` and ``text`` of a notice_shape, and ``hint`` where it is cut."""
    if notice["state"] == "quiet":
        reason = notice["reason"]
        short, long = QUIET_SHORT.get(reason, reason), QUIET.get(reason, reason)
        return {"state": "quiet", "text": str(short), "hint": str(long)}
    state = notice["state"]
    return {"state": state, "text": str(NOTICES.get(state, state)), "hint": ""}


def page_words(calls: Calls) -> dict[str, Any]:
    """Return what the live page's script says, and how it writes times.

    ``calls`` counts in a browser where nothing else was chosen.
    """
    return {
        "language": "zh-CN" if (get_language() or "").startswith("zh") else "en-GB",
        "zone": timezone.get_current_timezone_name(),
        "types": _plain(dict(SignalType.choices)),
        "levels": _plain(dict(Level.choices)),
        "notices": _plain(NOTICES),
        "quiet": _plain(QUIET),
        "quietShort": _plain(QUIET_SHORT),
        "connection": {
            "online": str(_("Connected")),
            "connecting": str(_("Connecting")),
            "offline": str(_("Disconnected; trying again")),
            "stalled": str(_("Live feed interrupted; updated every 5 seconds")),
        },
        "calls": {
            "title": str(_("%(type)s %(pair)s · %(level)s %(strength)s")),
            "refused": str(
                _("The browser refuses notifications; allow them in its settings.")
            ),
            "missing": str(_("This browser has no notifications here.")),
            "muted": str(_("Press a key or click once, so that sound may play.")),
            "try": str(_("This is how a signal calls.")),
            "ask": str(
                _("Your settings want notifications; tick them, so that it may ask.")
            ),
            "usual": asdict(calls),
        },
        "guessed": str(_("The strategy gave no strength; its default was used.")),
    }


def _plain(words: dict[Any, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in words.items()}
