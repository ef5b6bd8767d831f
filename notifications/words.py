"""Words for what keeps a notification, in the reader's language. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

if TYPE_CHECKING:
    from collections.abc import Mapping

HELD: Final = {
    "quiet_hours": gettext_noop("Kept until the quiet hours end."),
    "grouping": gettext_noop("Gathered with what comes in the same minute."),
    "digest": gettext_noop("Gathered for the next digest."),
    "budget": gettext_noop(
        "Kept because the channel has sent as much as it may for now."
    ),
}
SUPPRESSED: Final = {
    "silence": gettext_noop("Not sent: silence %(by)s covers it."),
    "inhibited": gettext_noop("Not sent: it follows from the open alert %(by)s."),
}
# What has become of a notification, in a word or two.
STATES: Final = {
    "waiting": gettext_lazy("waiting"),
    "pending": gettext_lazy("pending"),
    "held": gettext_lazy("held"),
    "retry": gettext_lazy("trying again"),
    "sent": gettext_lazy("sent"),
    "failed": gettext_lazy("failed"),
    "suppressed": gettext_lazy("suppressed"),
    "collapsed": gettext_lazy("in a digest"),
    "unknown": gettext_lazy("outcome unknown"),
}


def state_of(status: str, metadata: Mapping[str, Any]) -> str:
    """Return the key of STATES that a row's status and metadata come to."""
    if status == "failed" and "suppressed" in metadata:
        return "suppressed"
    if status in ("pending", "retry"):
        if "held" in metadata:
            return "held"
        if "collapsed_into" in metadata:
            return "collapsed"
    return status


def state_words(metadata: Mapping[str, Any]) -> list[str]:
    """Return the sentences about a row that its status alone does not say."""
    words = []
    if isinstance(held := metadata.get("held"), dict):
        words.append(_(HELD.get(str(held.get("why")), HELD["digest"])))
    if isinstance(suppressed := metadata.get("suppressed"), dict):
        words.append(suppressed_words(suppressed))
    numbered = {
        "collapsed_into": gettext_noop("Told in digest %(number)s."),
        "fallback_of": gettext_noop("Takes the place of notification %(number)s."),
        "fallback_to": gettext_noop("Notification %(number)s takes its place."),
        "resend_of": gettext_noop("Sent again from notification %(number)s."),
    }
    words += [
        _(sentence) % {"number": metadata[key]}
        for key, sentence in numbered.items()
        if key in metadata
    ]
    if members := metadata.get("digest_of"):
        words.append(_("Tells of %(count)s notifications.") % {"count": len(members)})
    return words


def held_words(why: str) -> str:
    """Return why a message is told later."""
    return _(HELD.get(why, HELD["digest"]))


def suppressed_words(suppressed: Mapping[str, Any]) -> str:
    """Return why a message is not told at all."""
    sentence = SUPPRESSED.get(str(suppressed.get("because")), SUPPRESSED["silence"])
    by, reason = suppressed.get("by", ""), suppressed.get("reason")
    return _(sentence) % {"by": f"“{reason}”" if reason else by}
