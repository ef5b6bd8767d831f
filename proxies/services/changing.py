"""Proxies made, changed, switched and removed; their passwords go in and never out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.encryption import key_ring
from btc_watcher.lib.errors import ConfigurationError, EncryptionError
from proxies.models import Proxy
from proxies.selectors import proxy_identity, proxy_users
from proxies.services.checks import kept_password_check, proxy_check
from proxies.services.verdicts import status_change

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS: Final = (
    "name",
    "type",
    "host",
    "port",
    "username",
    "enabled",
    "priority",
    "test_url",
    "health_check_config",
)
# After a change of these, earlier tests say nothing of the proxy.
PROVEN: Final = ("type", "host", "port", "username", "test_url")
# Stands for a password that is kept, wherever only its presence counts.
KEPT: Final = "kept"


def proxy_create(
    *,
    name: str,
    type: str,  # noqa: A002 - the name of the column
    host: str,
    port: int,
    password: str | None = None,
    **fields: Any,
) -> Proxy:
    """Store a proxy; ``password`` is given in clear and stored encrypted.

    ``fields`` may be username, enabled, priority, test_url, health_check_config.
    Raises ConfigurationError that says what is wrong. Have it tested afterwards by
    ``proxies.dispatch.proxy_test_soon``.
    """
    fields |= {"name": name, "type": type, "host": host, "port": port}
    proxy = Proxy(**_trimmed(fields))
    proxy_check(_values(proxy) | {"password": password}, proxy_id=None)
    with transaction.atomic():
        # The token of a password is bound to the row's id, so the row comes first.
        proxy.save()
        if password:
            proxy.password_encrypted = _sealed(proxy, password)
            proxy.save(update_fields=["password_encrypted"])
    return proxy


def proxy_update(proxy: Proxy, **fields: Any) -> Proxy:
    """Change fields of a proxy and return it as it is now.

    ``password`` that is absent stays, but not with another type, host or port; None or
    an empty text removes it. A proxy whose way has changed, or that is switched on again, is unknown until it has been tested:
    have that done by ``proxies.dispatch.proxy_test_soon``. Raises ConfigurationError.
    """
    new_password = "password" in fields
    password = fields.pop("password", None)
    with transaction.atomic():
        row = _locked(proxy.pk)
        before = _values(row)
        for name, value in _trimmed(fields).items():
            setattr(row, name, value)
        kept = KEPT if row.password_encrypted else None
        values = _values(row) | {"password": password if new_password else kept}
        proxy_check(values, proxy_id=row.pk)
        if kept and not new_password:
            kept_password_check(before, values)
        # The same one in another token would move every bot that goes this way.
        new_password = new_password and not _is_stored(row, password)
        if new_password:
            row.password_encrypted = _sealed(row, password) if password else None
        if new_password or any(before[each] != values[each] for each in PROVEN):
            _begin_anew(row, "changed")
        elif row.enabled and not before["enabled"]:
            _begin_anew(row, "enabled")
        row.save()
    return row


def proxy_enable(proxy: Proxy) -> Proxy:
    """Switch a proxy on; it is unknown until it has been tested."""
    return proxy_update(proxy, enabled=True)


def proxy_disable(proxy: Proxy) -> Proxy:
    """Switch a proxy off; whoever uses it goes by its policy from then on."""
    return proxy_update(proxy, enabled=False)


def proxy_delete(proxy: Proxy) -> None:
    """Remove a proxy and its tests; ConfigurationError names who still uses it."""
    with transaction.atomic():
        row = _locked(proxy.pk)
        users = [use for use in proxy_users(row.pk) if not use.via]
        if users:
            raise ConfigurationError(
                _(
                    "Proxy %(name)r is used by %(users)s. Let them go another way first,"
                    " or switch the proxy off."
                )
                % {
                    "name": row.name,
                    "users": ", ".join(repr(use.name) for use in users),
                }
            )
        row.delete()


def _locked(proxy_id: int) -> Proxy:
    row = Proxy.objects.select_for_update().filter(pk=proxy_id).first()
    if row is None:
        raise ConfigurationError(
            _("Proxy number %(number)s does not exist any more.") % {"number": proxy_id}
        )
    return row


def _begin_anew(proxy: Proxy, why: str) -> None:
    """Forget what was proven of a proxy; its tests stay in the history."""
    now = timezone.now()
    changes = proxy.performance_metrics.get("changes") or []
    proxy.performance_metrics = {
        "counted_from": now.isoformat(),
        "since": now.isoformat(),
        "changes": changes,
    }
    status_change(proxy, Proxy.Status.UNKNOWN, why, now)


def _trimmed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return known fields without blanks around their texts."""
    if unknown := set(fields) - set(FIELDS):
        raise ConfigurationError(
            _("A proxy has no field %(names)s; use %(fields)s.")
            % {
                "names": ", ".join(sorted(unknown)),
                "fields": ", ".join((*FIELDS, "password")),
            }
        )
    trimmed = {
        name: value.strip() if isinstance(value, str) and name != "username" else value
        for name, value in fields.items()
    }
    if "username" in trimmed:
        trimmed["username"] = trimmed["username"] or None
    return trimmed


def _values(proxy: Proxy) -> dict[str, Any]:
    return {name: getattr(proxy, name) for name in FIELDS}


def _is_stored(proxy: Proxy, password: str | None) -> bool:
    if not (proxy.password_encrypted and password):
        return not (proxy.password_encrypted or password)
    try:
        stored = key_ring().decrypt(proxy.password_encrypted, proxy_identity(proxy.pk))
    except EncryptionError:
        return False
    return stored == password


def _sealed(proxy: Proxy, password: str) -> str:
    return key_ring().encrypt(password, proxy_identity(proxy.pk))
