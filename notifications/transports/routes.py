"""Through which proxy a channel goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btc_watcher.lib.encryption import key_ring
from btc_watcher.lib.errors import ConfigurationError, TransportError
from btc_watcher.lib.sockets import ProxyAddress
from proxies.models import Proxy

if TYPE_CHECKING:
    from collections.abc import Mapping


def proxy_identity(proxy_id: int) -> str:
    """Return what a proxy's password is bound to (see btc_watcher.lib.encryption)."""
    return f"proxies:{proxy_id}:password_encrypted"


def proxy_of(config: Mapping[str, Any]) -> ProxyAddress | None:
    """Return the proxy that ``config`` names under 'proxy'; None means direct.

    Going out directly in silence would be worse than not going out, so a proxy that
    is gone raises ConfigurationError, and one that is switched off a TransportError
    that is tried again. EncryptionError when its password is not readable.
    """
    number = config.get("proxy")
    if number in (None, ""):
        return None
    known = isinstance(number, int) or (isinstance(number, str) and number.isdecimal())
    row = Proxy.objects.filter(id=int(number)).first() if known else None
    if row is None:
        raise ConfigurationError(
            f"The channel goes through proxy {number!r}, which does not exist."
            " Choose another one, or none."
        )
    if not row.enabled:
        raise TransportError(
            f"Proxy {row.name!r} of this channel is switched off."
            " Switch it on, or choose another one."
        )
    password = ""
    if row.password_encrypted:
        password = key_ring().decrypt(row.password_encrypted, proxy_identity(row.id))
    return ProxyAddress(row.type, row.host, row.port, row.username or "", password)
