"""Which field of a proxy is wrong, for whoever shows problems beside the fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from btc_watcher.lib.errors import ConfigurationError
from proxies.services import kept_password_check, proxy_check
from proxies.services.changing import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxies.models import Proxy

# Right by themselves, so that what is wrong with them is the one field that is put in.
RIGHT: Final = {
    "type": "http",
    "host": "proxy.example",
    "port": 1,
    "username": None,
    "password": None,
    "enabled": True,
    "priority": 1,
    "test_url": "https://example.org/",
    "health_check_config": {},
}
LOGIN: Final = ("type", "username", "password")


def proxy_problems(
    values: Mapping[str, Any], *, proxy_id: int | None, kept_of: Proxy | None = None
) -> dict[str, list[str]]:
    """Return what the service refuses of a whole proxy, by field; empty when nothing.

    ``values`` are those of ``proxy_check``; ``kept_of`` is the stored proxy whose
    password is kept, if it has one. What is wrong with the login as a whole is said of
    the password. Keys of the health check are told apart as
    ``health_check_config.KEY``.
    """
    found = _by_field(values, proxy_id) if _refused(values, proxy_id) else {}
    if kept_of is not None and kept_of.password_encrypted and "password" not in found:
        before = {name: getattr(kept_of, name) for name in FIELDS}
        try:
            kept_password_check(before, values)
        except ConfigurationError as error:
            found["password"] = [error.message]
    return found


def _by_field(values: Mapping[str, Any], proxy_id: int | None) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    right = RIGHT | {"name": uuid4().hex}
    for name in ("name", "type", "host", "port", "priority", "enabled", "test_url"):
        if sentence := _refused(right | {name: values[name]}, proxy_id):
            found[name] = [sentence]
    found |= _of_health_check(values["health_check_config"], right, proxy_id)
    if "type" not in found:
        login = {name: values.get(name) for name in LOGIN}
        if sentence := _refused(right | login, proxy_id):
            found["password"] = [sentence]
    return found


def _of_health_check(
    config: object, right: Mapping[str, Any], proxy_id: int | None
) -> dict[str, list[str]]:
    whole = "health_check_config"
    if not isinstance(config, dict):
        sentence = _refused({**right, whole: config}, proxy_id)
        return {whole: [sentence]}
    refused = {
        f"{whole}.{key}": _refused({**right, whole: {key: value}}, proxy_id)
        for key, value in config.items()
    }
    return {key: [sentence] for key, sentence in refused.items() if sentence}


def _refused(values: Mapping[str, Any], proxy_id: int | None) -> str:
    try:
        proxy_check(values, proxy_id=proxy_id)
    except ConfigurationError as error:
        return error.message
    return ""
