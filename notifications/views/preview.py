"""Who gets what: for one message, every channel with yes or no and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.permissions import reads
from notifications.examples import examples
from notifications.history import notification_by_id, signal_id_of
from notifications.receivers import Hold
from notifications.routing import Suppressed
from notifications.selectors import notifications_of_signal
from notifications.services import channels_explain, message_of
from notifications.shown import Shown, shown, type_label
from notifications.views.common import CHANGE, number_of, page
from notifications.views.history import AROUND
from notifications.words import held_words, suppressed_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

    from notifications.examples import Example
    from notifications.messages import Message
    from notifications.models import Notification
    from notifications.services import Explained

OFFERED: Final = 60


class Subject(NamedTuple):
    """The message in question, and what is known of where it came from."""

    message: Message
    moment: datetime
    example: Example | None = None
    notification: Notification | None = None


class Known(NamedTuple):
    """Names of strategies, and why nobody is told at all."""

    strategies: Mapping[int, str]
    quiet: str


@require_GET
@never_cache
@reads
def preview(request: HttpRequest) -> HttpResponse:
    """Explain the chosen signal or notification, or else the newest that is told."""
    newest = examples().newest(OFFERED)
    asked = bool(request.GET.get("signal") or request.GET.get("notification"))
    subject = _subject(request, newest)
    context: dict[str, Any] = {
        "newest": newest,
        "subject": subject,
        "asked": asked,
        "chosen": str(subject.message.signal_id) if subject else "",
        "signal_text": request.GET.get("signal", "")[:100],
        "may_change": request.user.has_perm(CHANGE),
    }
    if subject:
        rows = _rows(subject, timezone.now())
        context |= {
            "rows": rows,
            "getting": sum(row["verdict"] != "no" for row in rows),
        }
    return page(request, "preview", "preview.html", context)


def _subject(request: HttpRequest, newest: Sequence[Example]) -> Subject | None:
    if number := number_of(request.GET.get("notification", "")):
        row = notification_by_id(number)
        if row is None:
            return None
        example = examples().one(row.signal_id) if row.signal_id else None
        if example is None:
            return Subject(message_of(row), row.sent_at, notification=row)
        return Subject(example.message, example.moment, example, row)
    if text := request.GET.get("signal", ""):
        return _of_signal(signal_id_of(text.strip()), newest)
    # The newest one that somebody is told of explains more than one that is kept quiet.
    first = next((each for each in newest if not each.quiet), next(iter(newest), None))
    return Subject(first.message, first.moment, first) if first else None


def _of_signal(wanted: UUID | None, newest: Sequence[Example]) -> Subject | None:
    if wanted is None:
        return None
    for example in newest:
        if example.message.signal_id == wanted:
            return Subject(example.message, example.moment, example)
    found = examples().one(wanted)
    return Subject(found.message, found.moment, found) if found else None


def _rows(subject: Subject, now: datetime) -> list[dict[str, Any]]:
    """Return for every channel what would happen now and what has happened."""
    happened = _happened(subject)
    known = Known(
        strategies=dict(examples().strategies()),
        quiet=subject.example.quiet if subject.example else "",
    )
    rows = [
        _row(each, happened.get(each.channel.id, []), known)
        for each in channels_explain(subject.message, now=now)
    ]
    return sorted(rows, key=lambda row: ("yes", "later", "no").index(row["verdict"]))


def _row(
    explained: Explained, happened: Sequence[Shown], known: Known
) -> dict[str, Any]:
    channel, then = explained.channel, explained.then
    verdict, reason, until = "yes", explained.verdict.words, None
    if explained.verdict.code == "strategies":
        reason = _("The channel does not take this strategy, only %(names)s.") % {
            "names": _names(channel.config["rules"]["strategies"], known.strategies)
        }
    if not explained.verdict.wanted:
        verdict = "no"
    elif isinstance(then, Suppressed):
        verdict, reason = "no", suppressed_words(then.metadata()["suppressed"])
    elif isinstance(then, Hold):
        verdict, reason, until = "later", held_words(then.why), then.until
    if known.quiet and verdict != "no":
        verdict, reason, until = "no", known.quiet, None
    return {
        "channel": channel,
        "type": type_label(channel.type),
        "verdict": verdict,
        "reason": reason,
        "until": until,
        "happened": happened,
    }


def _names(numbers: Sequence[int], strategies: Mapping[int, str]) -> str:
    names = [strategies.get(each, f"#{each}") for each in numbers]
    return ", ".join(names) or _("none")


def _happened(subject: Subject) -> dict[int, list[Shown]]:
    found: dict[int, list[Shown]] = {}
    signal_id = subject.message.signal_id
    rows: Sequence[Notification] = []
    if signal_id is not None:
        rows = notifications_of_signal(signal_id, since=subject.moment - AROUND)
    elif subject.notification:
        rows = [subject.notification]
    for row in rows:
        item = shown(row)
        if item.channel_id is not None:
            found.setdefault(item.channel_id, []).append(item)
    return found
