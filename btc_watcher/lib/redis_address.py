"""What REDIS_URL may say: one server, or a service that sentinels watch over.

``redis+sentinel://user:password@host:26379,host2:26379/service/0`` with the password of
the servers before the @, and that of the sentinels as ``?sentinel_password=``, where
they have one. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, unquote

from btc_watcher.lib.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

SENTINEL: Final = "redis+sentinel"
SINGLE: Final = ("redis", "rediss", "unix")
SENTINEL_PORT: Final = 26379
CLUSTER: Final = (
    "a Redis Cluster cannot be used: Celery, which carries the notifications, reads"
    " several queues in one command and acknowledges in transactions, and a cluster"
    " refuses both for keys that lie on different nodes. Use one Redis, or one with"
    " sentinels (redis+sentinel://host:26379,host2:26379/service/0)."
)
TLS: Final = (
    "sentinels with TLS are not supported: no release was tried with them. Use"
    " redis+sentinel:// inside a private network, or one server with rediss://."
)
OPTIONS: Final = ("sentinel_username", "sentinel_password")
FORM: Final = "redis+sentinel://user:password@host:26379,host2:26379/service/0"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is: ``sentinels`` are (host, port), none for a single server."""

    url: str = field(repr=False)
    sentinels: tuple[tuple[str, int], ...] = ()
    service: str = ""
    database: int = 0
    login: dict[str, str] = field(default_factory=dict, repr=False)
    sentinel_login: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, url: str) -> RedisAddress:
        """Read an address; ConfigurationError says why it cannot be used."""
        scheme, separator, rest = url.partition("://")
        scheme = scheme.lower()
        if "cluster" in scheme:
            raise ConfigurationError(
                f"REDIS_URL begins with {scheme}://, but {CLUSTER}"
            )
        if "sentinel" in scheme and scheme.startswith("rediss"):
            raise ConfigurationError(f"REDIS_URL begins with {scheme}://, but {TLS}")
        if scheme in SINGLE and separator:
            return cls(url)
        if scheme != SENTINEL or not separator:
            raise ConfigurationError(
                f"REDIS_URL begins with {scheme[:30]!r}; write redis://, rediss://,"
                f" unix:// or {FORM}."
            )
        return _with_sentinels(url, rest)

    def broker_url(self) -> str:
        """Return the address as Celery wants it."""
        if not self.sentinels:
            return self.url
        login = ":".join(
            quote(self.login.get(part, ""), safe="")
            for part in ("username", "password")
        )
        before = f"{login}@" if self.login else ""
        return ";".join(
            f"sentinel://{before}{_host(name)}:{port}/{self.database}"
            for name, port in self.sentinels
        )

    def broker_options(self, sentinel_options: dict[str, Any]) -> dict[str, Any]:
        """Return what Celery's transport is told besides."""
        if not self.sentinels:
            return {}
        return {
            # So that a worker leaves a master that has vanished after 20 s, not 51.
            "health_check_interval": 10,
            "master_name": self.service,
            "sentinel_kwargs": sentinel_options | self.sentinel_login,
        }


def _with_sentinels(url: str, rest: str) -> RedisAddress:
    # By hand: the library refuses an IPv6 address in a list, and lowers the service.
    place, _mark, query = rest.partition("?")
    hosts, *path = place.rstrip("/").split("/")
    login, _at, hosts = hosts.rpartition("@")
    if not path or not path[0] or len(path) > 2:
        raise ConfigurationError(
            f"REDIS_URL names no service that the sentinels watch over; write {FORM}."
        )
    username, _colon, password = login.partition(":")
    return RedisAddress(
        url,
        tuple(_sentinel(each) for each in hosts.split(",")),
        unquote(path[0]),
        _database(path[1:]),
        _given(username=unquote(username), password=unquote(password)),
        _sentinel_login(query),
    )


def _sentinel(text: str) -> tuple[str, int]:
    name, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        name, port = text, str(SENTINEL_PORT)
    name = name.removeprefix("[").removesuffix("]")
    if not name or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ConfigurationError(
            f"REDIS_URL names the sentinel {text!r}, which is no host:port; write {FORM}."
        )
    return name, int(port)


def _database(path: Sequence[str]) -> int:
    number = path[0] if path else "0"
    if not number.isdecimal():
        raise ConfigurationError(
            f"REDIS_URL names the database {number!r}, which is no number; write {FORM}."
        )
    return int(number)


def _sentinel_login(query: str) -> dict[str, str]:
    found = dict(parse_qsl(query))
    if unknown := sorted(set(found) - set(OPTIONS)):
        raise ConfigurationError(
            f"REDIS_URL has {', '.join(unknown)} after its question mark; with sentinels"
            f" only {' and '.join(OPTIONS)} are known."
        )
    return _given(
        **{key.removeprefix("sentinel_"): value for key, value in found.items()}
    )


def _given(**values: str) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name
