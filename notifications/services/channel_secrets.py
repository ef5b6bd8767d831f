"""Secrets of a channel while it is changed: which stay, and whether they may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from btc_watcher.lib.encryption import key_ring
from btc_watcher.lib.errors import ConfigurationError, EncryptionError
from notifications.transports import SECRET_FIELDS
from notifications.transports.secrets import secret_identity, secrets_read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notifications.models import NotificationChannel
    from notifications.transports.base import Transport


def secrets_kept(
    channel: NotificationChannel, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the stored tokens of the secrets that ``config`` does not mention."""
    return {
        field: channel.config[field]
        for field in SECRET_FIELDS
        if field in channel.config and field not in config
    }


def secrets_sealed(
    channel: NotificationChannel, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Return ``config`` with its secrets encrypted for this very row.

    A secret that belongs to another type is no less a secret.
    """
    sealed = dict(config)
    for field in SECRET_FIELDS:
        if plain := sealed.pop(field, None):
            identity = secret_identity(channel.id, field)
            sealed[field] = key_ring().encrypt(str(plain), identity)
    return sealed


def destination_check(
    channel: NotificationChannel, transport: Transport, config: Mapping[str, Any]
) -> None:
    """Raise ConfigurationError that names a secret which would go to another place.

    ``config`` is what was given, as channel_update takes it. Whoever may change a
    channel may not read its secrets, so they are not sent to where that person says:
    with another server they have to be given again.
    """
    kept = secrets_kept(channel, config)
    places = set(transport.destination(config))
    staying = [each for each in transport.secret_fields if each in set(kept) - places]
    if not staying:
        return
    old = channel.config | {
        name: _plain(channel, name) for name in places & set(SECRET_FIELDS) - set(kept)
    }
    before, after = (
        transport.destination(old),
        transport.destination(kept | dict(config)),
    )
    for name, place in before.items():
        if place != after[name]:
            raise ConfigurationError(
                _(
                    "'%(secret)s' has to be given again, or removed: %(place)s is"
                    " another, and what is stored is not sent to another place."
                )
                % {"secret": staying[0], "place": name}
            )


def _plain(channel: NotificationChannel, field: str) -> str:
    try:
        return secrets_read(channel, (field,)).get(field, "")
    except EncryptionError:
        # What nobody can read any more is not where it went before.
        return ""
