"""What is wrong: told once, repeated while it lasts, and told when it is over."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
from django.db import transaction
from django.utils.translation import gettext as _

from btc_watcher.lib.redis_keys import PRIORITIES
from btc_watcher.lib.statements import rows_of
from notifications.messages import facts_of, json_text, said
from notifications.models import Alert, NotificationStatus
from notifications.policy import CLOCKS_APART
from notifications.routing import Plan
from notifications.saying import Words, language_of_reader, message_said
from notifications.selectors import channels_enabled
from notifications.services.outbox import plan_made, rows_insert
from notifications.services.targets import receivers_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notifications.messages import Message
    from notifications.models import NotificationChannel
    from notifications.queues import Queued
    from notifications.receivers import Receiver
    from notifications.saying import Speak

# Two that raise the same key at once: the second waits for the first and updates.
OPEN: Final = """
INSERT INTO alerts (key, priority, title, body, context, since)
VALUES (%(key)s, %(priority)s, %(title)s, %(body)s, %(context)s::jsonb, %(now)s)
ON CONFLICT (key) WHERE resolved_at IS NULL DO NOTHING
RETURNING id
"""
KEY_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class AlertResult:
    """Whether an alert was opened or closed, and the notifications about it."""

    changed: bool = False
    queued: list[Queued] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told of an alert: raised, repeated or resolved, and at what time.

    ``words`` replace the usual ones of a resolved one.
    """

    alert: Alert
    kind: str
    now: datetime
    words: Speak | None = None


def alert_raise(
    *,
    key: str,
    priority: str,
    words: Speak,
    context: Mapping[str, Any],
    now: datetime,
) -> AlertResult:
    """Open the alert ``key`` and tell it; bring up to date the one that is open.

    An open one is told again only when it has become more urgent. ``words`` says it in
    the active language and is called for each. ``context`` names what it is about
    (strategy_id, exchange, proxy_id …), by which alerts of a cause mute it. Raises
    ValueError for a wrong priority, an empty title or key.
    """
    if not key or len(key) > KEY_LENGTH:
        raise ValueError(
            f"The key of an alert is {key!r}; use 1 to {KEY_LENGTH} characters."
        )
    # Also checks and cleans what is stored.
    facts: dict[str, Any] = orjson.loads(json_text(dict(context)))
    message = message_said("alert", priority, words, facts)
    with transaction.atomic():
        alert, is_new = _open(key, message, now)
        more_urgent = _rank(priority) < _rank(alert.priority)
        if not is_new:
            alert.priority = priority
            alert.title, alert.body = message.title, message.body
            alert.context = dict(message.context)
            alert.save(update_fields=["priority", "title", "body", "context"])
        if not (is_new or more_urgent):
            return AlertResult()
        queued = _tell(Telling(alert, "raised", now), channels_enabled())
    return AlertResult(is_new, queued)


def alert_resolve(
    *, key: str, now: datetime, words: Speak | None = None, quiet: bool = False
) -> AlertResult:
    """Close the alert ``key`` and tell those channels that were told of it.

    ``words`` replace the usual ones, except where they are empty; ``quiet`` tells
    nobody. Nothing happens when none is open.
    """
    with transaction.atomic():
        alert = (
            Alert.objects.select_for_update().filter(key=key, resolved_at=None).first()
        )
        if alert is None:
            return AlertResult()
        alert.resolved_at = now
        alert.save(update_fields=["resolved_at"])
        if quiet:
            return AlertResult(changed=True)
        told = [each for each in channels_enabled() if str(each.id) in alert.told]
        return AlertResult(
            changed=True,
            queued=_tell(Telling(alert, "resolved", now, words), told),
        )


def alerts_repeat(*, now: datetime) -> list[Queued]:
    """Tell again what still is wrong, each channel after its own time.

    A channel that was not told yet, because something muted the alert or because it
    was not there, is told as soon as nothing mutes it.
    """
    channels = channels_enabled()
    receivers = receivers_of(channels)
    queued: list[Queued] = []
    with transaction.atomic():
        open_ones = Alert.objects.select_for_update(skip_locked=True).filter(
            resolved_at=None
        )
        for alert in open_ones.order_by("id"):
            due = [
                channel
                for channel in channels
                if _is_due(alert, channel, receivers[channel.id], now)
            ]
            if due:
                queued += _tell(Telling(alert, "repeated", now), due)
    return queued


def _open(key: str, message: Message, now: datetime) -> tuple[Alert, bool]:
    parameters = {
        "key": key,
        "priority": message.priority,
        "title": message.title,
        "body": message.body,
        "context": json_text(message.context),
        "now": now,
    }
    while True:
        if made := rows_of(OPEN, parameters):
            return Alert.objects.get(id=made[0][0]), True
        alert = (
            Alert.objects.select_for_update().filter(key=key, resolved_at=None).first()
        )
        # It may have been resolved between the two statements.
        if alert is not None:
            return alert, False


def _is_due(
    alert: Alert, channel: NotificationChannel, receiver: Receiver, now: datetime
) -> bool:
    told_at = alert.told.get(str(channel.id))
    if told_at is None:
        return True
    minutes = receiver.repeat_minutes
    since = now - datetime.fromisoformat(told_at)
    # One that was told far ahead was told before the clock was set back.
    return bool(minutes) and (
        since >= timedelta(minutes=minutes) or since < -CLOCKS_APART
    )


def _tell(telling: Telling, channels: Sequence[NotificationChannel]) -> list[Queued]:
    """Write the rows, with the times of each reader's zone, and note who was told."""
    alert, now = telling.alert, telling.now
    alike: dict[tuple[str, int, bool], list[NotificationChannel]] = defaultdict(list)
    receivers = receivers_of(channels)
    for channel in channels:
        reader = receivers[channel.id]
        # Who was never told does not get a reminder.
        first = str(channel.id) not in alert.told
        alike[str(reader.zone), reader.repeat_minutes, first].append(channel)
    queued: list[Queued] = []
    for (_zone, _minutes, first), same in alike.items():
        message = _message(telling, receivers[same[0].id], first=first)
        plan = plan_made([message], same, now=now)
        if telling.kind == "repeated":
            # That it is muted was stored when it was raised.
            pending = [
                place
                for place in plan.placements
                if place.status == NotificationStatus.PENDING
            ]
            plan = Plan(plan.groups, pending)
        queued += rows_insert([message], plan, now)
    if queued and telling.kind != "resolved":
        alert.told |= {str(each.channel_id): now.isoformat() for each in queued}
        alert.last_told_at = now
        alert.told_count += 1
        alert.save(update_fields=["told", "last_told_at", "told_count"])
    return queued


def _message(telling: Telling, reader: Receiver, *, first: bool) -> Message:
    alert, kind = telling.alert, telling.kind
    if kind == "repeated" and first:
        kind = "raised"
    return message_said(
        "alert",
        alert.priority,
        partial(_words, telling, reader, kind),
        facts_of(alert.context)
        | {
            "alert": alert.key,
            "alert_state": kind,
            "since": alert.since.isoformat(),
            "told_count": alert.told_count,
        },
    )


def _words(telling: Telling, reader: Receiver, kind: str) -> Words:
    """Return what is told in the active language, with times of the reader's zone."""
    alert = telling.alert
    title, body = said(alert.context, language_of_reader(), (alert.title, alert.body))
    if kind == "repeated":
        title = _("Still: %(title)s") % {"title": title}
    if kind == "resolved":
        own = telling.words() if telling.words else Words()
        title = own.title or _("Resolved: %(title)s") % {"title": title}
        body = own.body or body
    return Words(title, "\n".join((body, *_lines(telling, reader))).strip())


def _lines(telling: Telling, reader: Receiver) -> list[str]:
    """Say since when, until when, and when the next reminder comes."""
    since = _moment(telling.alert.since, reader)
    if telling.kind == "resolved":
        values = {"since": since, "until": _moment(telling.now, reader)}
        return [_("It lasted from %(since)s to %(until)s.") % values]
    lines = [_("Since %(since)s.") % {"since": since}]
    if reader.repeat_minutes:
        again = telling.now + timedelta(minutes=reader.repeat_minutes)
        lines.append(
            _("Next reminder at %(time)s unless it is over by then.")
            % {"time": _moment(again, reader)}
        )
    else:
        lines.append(_("There will be no reminder."))
    return lines


def _moment(moment: datetime, reader: Receiver) -> str:
    return f"{moment.astimezone(reader.zone):%Y-%m-%d %H:%M %Z}"


def _rank(priority: str) -> int:
    return PRIORITIES.index(priority)
