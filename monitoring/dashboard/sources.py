"""What each app knows of trouble, as items. Every query is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from monitoring.backups import policy
from monitoring.backups.selectors import backups_list
from monitoring.backups.words import words_of
from monitoring.dashboard.items import Item, shortened
from monitoring.dashboard.places import covers_of, place_of, waiting_url
from monitoring.database.outbox import outbox_waiting
from monitoring.watch.looks import NOTIFICATION
from notifications.messages import said
from notifications.models import NotificationChannel
from notifications.saying import language_of_reader
from notifications.selectors import alerts_newest, channels_enabled
from proxies.advice import failure_advice
from proxies.selectors import metrics_of, proxies_enabled
from proxies.words import failure_words
from strategies.shown import span_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from notifications.models import Alert
    from proxies.models import Proxy
    from strategies.rows import StrategyRow

ALERTS: Final = 200
# So many are named; the rest is counted in one item.
NAMED: Final = 5
STRATEGY_URGENCY: Final = {"error": "P0", "blind": "P0", "unconfirmed": "P1"}


def alert_items(now: datetime, *, staff: bool) -> list[Item]:
    """Return the open alerts, the newest first."""
    found = alerts_newest(since=now, limit=ALERTS)
    return [_alert(each, staff=staff) for each in found if each.resolved_at is None]


def strategy_items(rows: Sequence[StrategyRow]) -> list[Item]:
    """Return the strategies that should run and do not analyse."""
    wrong = sorted(
        (row for row in rows if row.shown.urgent),
        key=lambda row: (STRATEGY_URGENCY[row.shown.state], row.name.casefold()),
    )
    items = [_strategy(row) for row in wrong[:NAMED]]
    if rest := wrong[NAMED:]:
        title = ngettext(
            "%(count)d more strategy needs attention",
            "%(count)d more strategies need attention",
            len(rest),
        ) % {"count": len(rest)}
        items.append(
            Item(
                id="strategies",
                priority=STRATEGY_URGENCY[rest[0].shown.state],
                title=title,
                cure="",
                url=f"{reverse('strategies:list')}?state=attention",
                action=_("To the strategies"),
            )
        )
    return items


def channel_items() -> list[Item]:
    """Return the channels that are on and whose last delivery failed."""
    error = NotificationChannel.Status.ERROR
    wrong = [each for each in channels_enabled() if each.status == error]
    return [
        Item(
            id=f"channel-{channel.pk}",
            priority="P1",
            title=_("The channel %(name)s does not deliver") % {"name": channel.name},
            cure=_("See what the provider answered, correct the cause and test it."),
            url=reverse("notifications:channel", args=[channel.pk]),
            action=_("To the channel"),
            covers=frozenset({f"channel:{channel.pk}"}),
        )
        for channel in wrong[:NAMED]
    ]


def proxy_items() -> list[Item]:
    """Return the proxies that are on and fail their tests."""
    wrong = [each for each in proxies_enabled() if each.status == "unhealthy"]
    return [_proxy(each) for each in wrong[:NAMED]]


def late_items(now: datetime) -> list[Item]:
    """Return one item when notifications have been due for minutes."""
    waiting = outbox_waiting(now)
    if waiting.seconds <= NOTIFICATION[0]:
        return []
    title = ngettext(
        "%(count)d notification is late, by %(span)s",
        "%(count)d notifications are late, the oldest by %(span)s",
        waiting.due,
    ) % {"count": waiting.due, "span": span_text(waiting.seconds)}
    return [
        Item(
            id="late",
            priority="P1",
            title=title,
            cure=_("See that a worker lives and that the channels are well."),
            url=waiting_url(),
            action=_("To what waits"),
            covers=frozenset({"work:notifications"}),
        )
    ]


def backup_items(now: datetime, *, staff: bool) -> list[Item]:
    """Return what is wrong with the backups; nothing was ever made is wrong as well."""
    found = backups_list()
    url, action = place_of("backup:", staff=staff)
    troubles = policy.troubles(found, now)
    words = [(each.key, words_of(each)) for each in troubles]
    told = [(key, each.title, each.body) for key, each in words]
    if not told and policy.is_missed(found, now):
        title = _("No backup was made for longer than a day")
        if not found:
            title = _("No backup was made yet")
        told = [
            (policy.AGE, title, _("The schedule makes one every day while it runs."))
        ]
    return [
        Item(
            id=key.replace(":", "-"),
            priority="P1" if found else "P2",
            title=title,
            cure=shortened(body),
            url=url,
            action=action,
            covers=frozenset({key}),
        )
        for key, title, body in told
    ]


def health_items(words: Mapping[str, str]) -> list[Item]:
    """Return what the health report finds missing."""
    url, action = place_of("process:", staff=False)
    sentences = {
        ("redis", "failed"): ("P0", _("Redis cannot be reached"), "redis:"),
        ("redis", "timeout"): ("P0", _("Redis does not answer"), "redis:"),
        ("supervisor", "stale"): (
            "P0",
            _("The supervisor has stopped: no bot is watched"),
            "process:supervisor",
        ),
        ("supervisor", "absent"): (
            "P0",
            _("No supervisor runs, so no strategy can start"),
            "process:supervisor",
        ),
        ("worker", "late"): (
            "P0",
            _("No worker takes tasks: nothing is sent"),
            "process:worker",
        ),
    }
    cures = {
        "redis": _("Signals are stored all the same. Start Redis, or see REDIS_URL."),
        "supervisor": _(
            "Start it with manage.py run_supervisor, or see supervisor.log."
        ),
        "worker": _("Start a worker, or see worker.log."),
    }
    return [
        Item(
            id=f"health-{name}",
            priority=known[0],
            title=known[1],
            cure=cures[name],
            url=url,
            action=action,
            covers=frozenset({known[2], name}),
        )
        for name, word in words.items()
        if (known := sentences.get((name, word)))
    ]


def _alert(alert: Alert, *, staff: bool) -> Item:
    usual = (alert.title, alert.body)
    title, body = said(alert.context, language_of_reader(), usual)
    url, action = place_of(alert.key, staff=staff)
    return Item(
        id=f"alert-{alert.pk}",
        priority=alert.priority,
        title=title,
        cure=shortened(body),
        url=url,
        action=action,
        since=alert.since,
        covers=covers_of(alert.key, alert.context),
    )


def _strategy(row: StrategyRow) -> Item:
    named = {"name": row.name, "state": row.shown.label}
    return Item(
        id=f"strategy-{row.id}",
        priority=STRATEGY_URGENCY[row.shown.state],
        title=_("Strategy %(name)s: %(state)s") % named,
        cure=shortened(row.shown.why),
        url=reverse("strategies:detail", args=[row.id]),
        action=_("To the strategy"),
        covers=frozenset({f"strategy:{row.id}"}),
    )


def _proxy(proxy: Proxy) -> Item:
    failure = metrics_of(proxy).last_failure
    words = failure_words(failure) if failure else ""
    return Item(
        id=f"proxy-{proxy.pk}",
        priority="P2",
        title=_("The proxy %(name)s is unhealthy") % {"name": proxy.name},
        cure="\n".join(part for part in (words, failure_advice(failure)) if part),
        url=reverse("proxies:detail", args=[proxy.pk]),
        action=_("To the proxy"),
        covers=frozenset({f"proxy:{proxy.pk}"}),
    )
