"""Channels: their secrets are encrypted on the way in and never come out again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.storable import storage_problems
from notifications import cache
from notifications.messages import Message
from notifications.models import NotificationChannel, NotificationStatus
from notifications.routing import Placement, Plan
from notifications.services.channel_checks import config_check, limits_check
from notifications.services.channel_secrets import (
    destination_check,
    secrets_kept,
    secrets_sealed,
)
from notifications.services.delivery import notification_deliver
from notifications.services.disabling import channel_mended
from notifications.services.flushing import held_look_again
from notifications.services.outbox import rows_insert
from notifications.services.targets import receiver
from notifications.transports import SECRET_FIELDS, TRANSPORTS
from notifications.transports.routes import proxy_wanted
from notifications.written import Written
from proxies.dispatch import proxy_test_soon

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notifications.transports.base import Transport

CHANGEABLE = frozenset({"name", "enabled", "priority", "rate_limit_config"})


@dataclass(frozen=True, slots=True)
class ChannelTestResult:
    """What became of a test message; ``body`` is the provider's answer word for word."""

    ok: bool
    code: int | None
    answer: str
    notification_id: int
    body: str = ""


def channel_create(
    *,
    name: str,
    type: str,  # noqa: A002 - the name of the column
    config: Mapping[str, Any],
    **fields: Any,
) -> NotificationChannel:
    """Store a channel; secrets in ``config`` are given in clear and stored encrypted.

    ``fields`` may be enabled, priority and rate_limit_config. Raises
    ConfigurationError that names the wrong or missing key.
    """
    transport = _transport(type)
    _check(transport, config, fields, None)
    with transaction.atomic():
        # The token of a secret is bound to the row's id, so the row comes first.
        channel = NotificationChannel.objects.create(
            name=name, type=type, config={}, **fields
        )
        channel.config = secrets_sealed(channel, config)
        channel.save(update_fields=["config"])
        _proxy_assigned(channel, None)
    return channel


def channel_update(
    channel: NotificationChannel,
    *,
    config: Mapping[str, Any] | None = None,
    **fields: Any,
) -> NotificationChannel:
    """Change a channel; ``config`` replaces the whole configuration.

    A secret that ``config`` lacks keeps its value unless what it is sent to is another,
    one that is null is removed.
    ``fields`` may be name, enabled, priority and rate_limit_config. Raises
    ConfigurationError that names the wrong or missing key.
    """
    transport = _transport(channel.type)
    before = channel.config.get("proxy")
    if config is not None:
        kept = secrets_kept(channel, config)
        given = {key: value for key, value in config.items() if value is not None}
        _check(transport, kept | given, fields, channel.pk)
        destination_check(channel, transport, config)
        channel.config = secrets_sealed(channel, given) | kept
        # It may be wrong in a new way, or right at last: the next delivery tells.
        channel.status = NotificationChannel.Status.UNKNOWN
    else:
        _check(transport, channel.config, fields, channel.pk)
    was_off = not channel.enabled
    for name, value in fields.items():
        setattr(channel, name, value)
    now = timezone.now()
    with transaction.atomic():
        if channel.enabled:
            channel.config.pop("disabled", None)
        channel.save()
        if channel.enabled and was_off:
            channel_mended(channel, now)
        if config is not None:
            held_look_again(channel.id, "quiet_hours", now)
        if "rate_limit_config" in fields:
            held_look_again(channel.id, "budget", now)
            # What Redis knows goes back as far as the limits did until now.
            transaction.on_commit(partial(cache.budget_forget, channel.id))
        _proxy_assigned(channel, before)
    return channel


def channel_test(channel: NotificationChannel) -> ChannelTestResult:
    """Send a test message by the path that every notification takes, at once.

    It is tried once, and also through a channel that is switched off.
    """
    with override(receiver(channel).language):
        message = Message(
            message_type="system",
            priority="P1",
            title=_("Test of channel %(name)s") % {"name": channel.name},
            body=_("If you can read this, the channel works."),
        )
    now = timezone.now()
    plan = Plan([0], [Placement(0, channel.id, channel.type)])
    extra = {"test": True, "attempts_limit": 1}
    (queued,) = rows_insert([message], plan, now, extra)
    outcome = notification_deliver(
        notification_id=queued.id, written=Written.of([queued.sent_at])
    )
    NotificationChannel.objects.filter(id=channel.id).update(last_test_time=now)
    if outcome is None:
        raise ConfigurationError(
            _(
                "The test of channel %(name)r was taken by another worker; see"
                " notification %(number)s in the history."
            )
            % {"name": channel.name, "number": queued.id}
        )
    return ChannelTestResult(
        ok=outcome.status == NotificationStatus.SENT,
        code=outcome.code,
        answer=outcome.error or outcome.detail,
        notification_id=queued.id,
        body=outcome.body,
    )


def channel_config_check(
    *, channel_type: str, config: Mapping[str, Any], channel: NotificationChannel
) -> None:
    """Raise ConfigurationError where channel_create or channel_update would.

    ``channel`` has the secrets that stay; one that is not stored has none.
    """
    transport = _transport(channel_type)
    kept = secrets_kept(channel, config) if channel.pk else {}
    _check(transport, kept | dict(config), {}, channel.pk)
    if channel.pk:
        destination_check(channel, transport, config)


def channel_config_shown(channel: NotificationChannel) -> dict[str, Any]:
    """Return the configuration without its secrets, for people to read."""
    return {
        key: value for key, value in channel.config.items() if key not in SECRET_FIELDS
    }


def _transport(channel_type: str) -> Transport:
    if channel_type not in TRANSPORTS:
        raise ConfigurationError(
            _("There are no channels of type %(type)r; use one of %(known)s.")
            % {"type": channel_type, "known": ", ".join(sorted(TRANSPORTS))}
        )
    return TRANSPORTS[channel_type]


def _check(
    transport: Transport,
    config: Mapping[str, Any],
    fields: Mapping[str, Any],
    channel_id: int | None,
) -> None:
    if unknown := set(fields) - CHANGEABLE:
        raise ConfigurationError(
            _("A channel has no field %(names)s; use %(known)s.")
            % {
                "names": ", ".join(sorted(unknown)),
                "known": ", ".join(sorted(CHANGEABLE)),
            }
        )
    # First of all, for what the others say repeats what was given.
    if problems := storage_problems(config, "config"):
        raise ConfigurationError(problems[0])
    transport.check(config)
    config_check(config, channel_id, transport.type)
    if "rate_limit_config" in fields:
        limits_check(fields["rate_limit_config"])


def _proxy_assigned(channel: NotificationChannel, before: object) -> None:
    """Have the proxy tested that the channel has got."""
    if channel.config.get("proxy") == before:
        return
    if wanted := proxy_wanted(channel.config):
        proxy_test_soon(wanted, "assigned")
