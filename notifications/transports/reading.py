"""Reading one key of a channel's configuration; every error names the key."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from btc_watcher.lib.errors import ConfigurationError, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def required_text(config: Mapping[str, Any], key: str, example: str) -> str:
    """Return the text under ``key``; ConfigurationError when there is none."""
    value = config.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(
            _("The configuration has no %(key)r; set it, for example to %(example)r.")
            % {"key": key, "example": example}
        )
    return value.strip()


def optional_text(config: Mapping[str, Any], key: str, default: str = "") -> str:
    """Return the text or number under ``key`` as text, or ``default``."""
    value = config.get(key)
    if value in (None, ""):
        return default
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigurationError(
            _("%(key)r is %(value)r, but it must be a text.")
            % {"key": key, "value": value}
        )
    return str(value).strip()


def one_of(
    config: Mapping[str, Any], key: str, allowed: Iterable[str], default: str
) -> str:
    """Return the choice under ``key`` or ``default``; ConfigurationError lists them."""
    value = config.get(key, default)
    choices = tuple(allowed)
    if value not in choices:
        raise ConfigurationError(
            _("%(key)r is %(value)r; use one of %(known)s.")
            % {"key": key, "value": value, "known": ", ".join(choices)}
        )
    return str(value)


def bounded_number(
    config: Mapping[str, Any], key: str, default: float, limits: tuple[float, float]
) -> float:
    """Return the number under ``key`` or ``default``; ConfigurationError names it."""
    value = config.get(key, default)
    low, high = limits
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigurationError(
            _("%(key)r is %(value)r, but it must be a number.")
            % {"key": key, "value": value}
        )
    if not low <= value <= high:
        raise ConfigurationError(
            _("%(key)r is %(value)s, but it must be from %(low)g to %(high)g.")
            % {"key": key, "value": value, "low": low, "high": high}
        )
    return value


def listed(config: Mapping[str, Any], key: str, what: str) -> tuple[str, ...]:
    """Return the texts under ``key``, a list or one text with commas, each once."""
    value = config.get(key)
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not items:
        raise ConfigurationError(
            _("The configuration has no %(key)r; set it to a list of %(what)s.")
            % {"key": key, "what": what}
        )
    return tuple(dict.fromkeys(str(item).strip() for item in items))


def base_address(config: Mapping[str, Any], default: str) -> str:
    """Return 'api_base', an address without its last slash, or the vendor's own."""
    base = config.get("api_base", default)
    if not isinstance(base, str) or address_problem(base):
        # Secrets travel to it.
        raise ConfigurationError(
            _(
                "'api_base' is %(value)r; use an address that begins with https://, such"
                " as %(example)r."
            )
            % {"value": base, "example": default}
        )
    return str(base).rstrip("/")


def secret_address(secrets: Mapping[str, str], key: str = "url") -> str:
    """Return the secret address under ``key``; a permanent TransportError without one.

    The error tells what is wrong with it and never the address.
    """
    address = secrets.get(key, "").strip()
    if problem := address_problem(address):
        raise TransportError(
            f"{key!r} {problem}. Copy the whole address again.",
            permanent=True,
            disables=True,
        )
    return address


def address_problem(address: str) -> str:
    """Return what is wrong with an HTTP address, or nothing.

    Secrets travel to it, so it is encrypted, except within this machine.
    """
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https") or not host:
        return "is no address that begins with https://"
    if parts.scheme == "http" and not is_loopback(host):
        return "must begin with https://, because a secret travels to it"
    return ""


def is_loopback(host: str) -> bool:
    """Tell whether a host's name says that it is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
