"""What a proxy may be: everything that cannot work is refused when it is entered."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from btc_watcher.lib.errors import ConfigurationError
from proxies.models import Proxy
from proxies.rules import rules_read

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_PORT: Final = 65_535
LARGEST_PRIORITY: Final = 9_999
LONGEST_NAME: Final = 100
LONGEST_HOST: Final = 255
LONGEST_URL: Final = 500
# RFC 1929 allows 255 bytes; the SOCKS library writes lengths above 127 wrongly.
LONGEST_LOGIN: Final = 127
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# Where a login is sent to.
ADDRESS: Final = ("type", "host", "port")
LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


def proxy_check(values: Mapping[str, Any], *, proxy_id: int | None) -> None:
    """Raise ConfigurationError that says what is wrong with a whole proxy.

    ``values`` has every field; ``password`` in clear, or any text when one is kept.
    ``proxy_id`` is the number of a proxy that is changed.
    """
    _name_check(values["name"], proxy_id)
    if values["type"] not in Proxy.Type.values:
        raise ConfigurationError(
            _("'type' is %(value)r; use one of %(choices)s.")
            % {"value": values["type"], "choices": ", ".join(Proxy.Type.values)}
        )
    host_check(values["host"])
    _whole_check("port", values["port"], LARGEST_PORT)
    _whole_check("priority", values["priority"], LARGEST_PRIORITY)
    if not isinstance(values["enabled"], bool):
        raise ConfigurationError(
            _("'enabled' is %(value)r; use true or false.")
            % {"value": values["enabled"]}
        )
    _login_check(values["type"], values["username"] or "", values.get("password") or "")
    url_check(values["test_url"])
    rules_read(values["health_check_config"])


def kept_password_check(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Raise ConfigurationError where a password that is kept would go somewhere else.

    Whoever may change a proxy but was never told its password could otherwise have it
    sent to a machine of their own.
    """
    if all(before[name] == after[name] for name in ADDRESS):
        return
    raise ConfigurationError(
        _(
            "The stored password was given for another address, and is not sent to a new"
            " one. Enter it again, or remove it."
        )
    )


def host_check(host: object) -> None:
    """Raise ConfigurationError unless ``host`` is a name or an address by itself."""
    if isinstance(host, str) and len(host) <= LONGEST_HOST and _is_host(host):
        return
    raise ConfigurationError(
        _(
            "'host' is %(value)r; use a host name or an IP address, without scheme,"
            " port, user name or brackets."
        )
        % {"value": host}
    )


def url_check(url: object) -> None:
    """Raise ConfigurationError unless ``url`` can be asked by a test."""
    problem = _("'test_url' is %(value)r; use an http:// or https:// address.")
    if not isinstance(url, str) or CONTROL.search(url) or " " in url:
        raise ConfigurationError(problem % {"value": url})
    if len(url) > LONGEST_URL:
        raise ConfigurationError(
            _("'test_url' is longer than %(most)d characters.") % {"most": LONGEST_URL}
        )
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname)
        login = parts.username is not None
        _port = parts.port
    except ValueError:
        raise ConfigurationError(problem % {"value": url}) from None
    if login:
        raise ConfigurationError(
            _("'test_url' holds a user name or password, which would be shown.")
        )
    if not fine:
        raise ConfigurationError(problem % {"value": url})


def _name_check(name: object, proxy_id: int | None) -> None:
    if not isinstance(name, str) or not name.strip() or CONTROL.search(name):
        raise ConfigurationError(
            _("'name' is %(value)r; use a text.") % {"value": name}
        )
    if len(name) > LONGEST_NAME:
        raise ConfigurationError(
            _("'name' is longer than %(most)d characters.") % {"most": LONGEST_NAME}
        )
    same = Proxy.objects.filter(name__iexact=name.strip()).values_list("id", flat=True)
    if any(each != proxy_id for each in same):
        raise ConfigurationError(
            _("There is a proxy named %(value)r already; choose another name.")
            % {"value": name}
        )


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return True
    try:
        plain = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        return False
    labels = plain.removesuffix(".").split(".")
    # What is only digits and dots was meant as an address.
    return all(map(LABEL.fullmatch, labels)) and not labels[-1].isdecimal()


def _whole_check(key: str, value: object, most: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not 1 <= int(str(value)) <= most:
        raise ConfigurationError(
            _("%(key)r is %(value)r; use a whole number from 1 to %(most)d.")
            % {"key": key, "value": value, "most": most}
        )


def _login_check(kind: str, username: object, password: object) -> None:
    """Refuse logins that the protocol cannot carry; no message holds the password."""
    if not isinstance(username, str) or not isinstance(password, str):
        raise ConfigurationError(_("User name and password must be texts."))
    if CONTROL.search(username + password):
        raise ConfigurationError(
            _("User name and password cannot hold control characters.")
        )
    # And a bot that fails over to such a proxy could not start at all.
    if not (username + password).isascii():
        raise ConfigurationError(
            _(
                "User name and password of a proxy can only hold ASCII characters, because"
                " proxies disagree on how others are written and bots cannot send them."
            )
        )
    if password and kind == Proxy.Type.SOCKS4:
        raise ConfigurationError(
            _(
                "SOCKS4 knows no password, only a user id. Remove the password, or use"
                " SOCKS5 or HTTP."
            )
        )
    if password and not username:
        raise ConfigurationError(
            _("A password needs a user name. Enter one, or remove the password.")
        )
    if kind == Proxy.Type.SOCKS5:
        _socks5_login_check(username, password)
    elif kind == Proxy.Type.HTTP:
        _http_login_check(username)


def _socks5_login_check(username: str, password: str) -> None:
    if username and not password:
        raise ConfigurationError(
            _(
                "A SOCKS5 login needs a password too. Enter one, or remove the user name."
            )
        )
    if max(len(username.encode()), len(password.encode())) > LONGEST_LOGIN:
        raise ConfigurationError(
            _("User name and password may have %(most)d bytes each with SOCKS5.")
            % {"most": LONGEST_LOGIN}
        )


def _http_login_check(username: str) -> None:
    if ":" in username:
        raise ConfigurationError(
            _("The user name of an HTTP proxy cannot hold a colon.")
        )
