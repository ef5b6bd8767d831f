"""Proxies made, changed and removed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.lib.errors import ConfigurationError
from proxies.models import Proxy, ProxyTest
from proxies.selectors import proxy_address, proxy_fingerprint, proxy_users
from proxies.services import (
    proxy_create,
    proxy_delete,
    proxy_disable,
    proxy_enable,
    proxy_update,
)
from proxies.uses import ProxyUse
from tests.proxies.fakes import history, proxy_row

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db

users: list[ProxyUse] = []
WAY_OUT: dict[str, Any] = {
    "name": "way out",
    "type": "http",
    "host": "proxy.test",
    "port": 1080,
}


def users_told(proxy_ids: Collection[int]) -> list[ProxyUse]:
    """Stand where the apps above stand in the product."""
    return [use for use in users if use.proxy_id in proxy_ids]


@pytest.fixture(autouse=True)
def _nobody_uses_any(settings: Settings) -> None:
    users.clear()
    settings.PROXY_USERS = [f"{__name__}.users_told"]


def test_a_password_goes_in_and_is_stored_encrypted() -> None:
    proxy = proxy_row(1080, "socks5", username="user", password="s3cret-word")
    stored = Proxy.objects.get()
    assert "s3cret-word" not in (stored.password_encrypted or "")
    assert proxy_address(stored).password == "s3cret-word"
    assert "s3cret-word" not in repr(proxy_address(stored))
    assert (proxy.status, proxy.enabled, proxy.priority) == ("unknown", True, 1)


def test_a_password_stays_until_it_is_given_anew_or_removed() -> None:
    proxy = proxy_row(1080, "socks5", username="user", password="first")
    proxy = proxy_update(proxy, name="other")
    assert proxy_address(proxy).password == "first"
    proxy = proxy_update(proxy, password="second")
    assert proxy_address(proxy).password == "second"
    proxy = proxy_update(proxy, username="", password=None)
    assert proxy.password_encrypted is None
    assert proxy_address(proxy).username == ""


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": " "}, "'name' is ''"),
        ({"name": "x" * 101}, "longer than 100"),
        ({"type": "https"}, "use one of http, socks4, socks5"),
        ({"host": "http://proxy.test"}, "without scheme"),
        ({"host": "proxy.test:1080"}, "without scheme, port"),
        ({"host": "user@proxy.test"}, "'host' is"),
        ({"host": "[::1]"}, "brackets"),
        ({"host": "300.1.2.3"}, "'host' is '300.1.2.3'"),
        ({"host": ""}, "'host' is ''"),
        ({"host": "two words"}, "'host'"),
        ({"port": 0}, "'port' is 0; use a whole number from 1 to 65535."),
        ({"port": 65536}, "'port' is 65536"),
        ({"port": "1080"}, "'port' is '1080'"),
        ({"port": True}, "'port' is True"),
        ({"priority": 0}, "'priority' is 0"),
        ({"enabled": "yes"}, "'enabled' is 'yes'"),
        ({"test_url": "ftp://target.test/"}, "http:// or https://"),
        ({"test_url": "https://"}, "http:// or https://"),
        ({"test_url": "https://target.test:port/"}, "http:// or https://"),
        ({"test_url": "https://a:b@target.test/"}, "would be shown"),
        ({"test_url": "https://target.test/" + "x" * 500}, "longer than 500"),
        ({"health_check_config": {"window": -1}}, "'window' is -1"),
        ({"type": "socks4", "username": "u", "password": "p"}, "only a user id"),
        ({"password": "p"}, "needs a user name"),
        ({"type": "socks5", "username": "u"}, "needs a password too"),
        ({"type": "socks5", "username": "u", "password": "x" * 128}, "127 bytes"),
        ({"username": "a:b"}, "cannot hold a colon"),
        ({"username": "u", "password": "密码"}, "ASCII"),
        ({"type": "socks5", "username": "u", "password": "ö"}, "ASCII"),
        ({"type": "socks4", "username": "ö"}, "ASCII"),
        ({"username": "u", "password": "a\r\nb"}, "control characters"),
        ({"colour": "red"}, "no field colour"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(
    fields: dict[str, Any], told: str
) -> None:
    values = WAY_OUT | fields
    with pytest.raises(ConfigurationError) as caught:
        proxy_create(**values)
    assert told in caught.value.message
    assert not Proxy.objects.exists()
    proxy = proxy_create(**WAY_OUT)
    with pytest.raises(ConfigurationError) as caught:
        proxy_update(proxy, **fields)
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("fields", "host"),
    [
        ({"type": "socks4", "username": "id"}, "proxy.test"),
        ({"host": " proxy.test "}, "proxy.test"),
        ({"host": "2001:db8::1"}, "2001:db8::1"),
        ({"host": "代理.test"}, "代理.test"),
        ({"username": "u"}, "proxy.test"),
        ({"host": "my_proxy"}, "my_proxy"),
    ],
)
def test_what_can_work_is_taken(fields: dict[str, Any], host: str) -> None:
    values = WAY_OUT | fields
    assert proxy_create(**values).host == host


def test_no_message_holds_a_password() -> None:
    with pytest.raises(ConfigurationError) as caught:
        proxy_row(1080, "socks4", username="u", password="s3cret-word")
    assert "s3cret-word" not in caught.value.message


def test_two_proxies_cannot_have_one_name() -> None:
    first = proxy_row(1080, name="Tokyo")
    with pytest.raises(ConfigurationError, match="already"):
        proxy_row(1081, name="tokyo")
    assert proxy_update(first, name="TOKYO").name == "TOKYO"


def test_a_kept_password_is_no_way_around_the_rules() -> None:
    proxy = proxy_row(1080, "socks5", username="user", password="word")
    with pytest.raises(ConfigurationError, match="only a user id"):
        proxy_update(proxy, type="socks4")
    assert Proxy.objects.get().type == "socks5"


def test_a_proxy_in_use_is_not_removed_and_its_users_are_named() -> None:
    proxy = proxy_row(1080, name="Tokyo")
    users.append(ProxyUse(proxy.pk, "strategy", 7, "ema cross", "/strategies/7/"))
    users.append(ProxyUse(proxy.pk, "channel", 3, "mail", "/channels/3/"))
    users.append(ProxyUse(proxy.pk, "channel", 4, "guest", "/channels/4/", via=True))
    with pytest.raises(ConfigurationError) as caught:
        proxy_delete(proxy)
    assert "'Tokyo' is used by 'ema cross', 'mail'." in caught.value.message
    assert proxy_disable(proxy).enabled is False
    assert [use.name for use in proxy_users(proxy.pk)] == ["ema cross", "guest", "mail"]


def test_a_proxy_is_removed_with_its_tests() -> None:
    proxy = proxy_row(1080)
    other = proxy_row(1081)
    history(proxy, "+-")
    history(other, "+")
    # Somebody who is there only for now goes another way by itself.
    users.append(ProxyUse(proxy.pk, "channel", 4, "guest", "/channels/4/", via=True))
    proxy_delete(proxy)
    assert list(ProxyTest.objects.values_list("proxy", flat=True)) == [other.pk]
    with pytest.raises(ConfigurationError, match="does not exist any more"):
        proxy_delete(Proxy(pk=987654))


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "127.0.0.2", "password": "word"},
        {"port": 2, "password": "word"},
        {"type": "http", "password": "word"},
        {"test_url": "https://other.test/"},
        {"password": "other"},
    ],
)
def test_a_proxy_whose_way_changed_has_to_prove_itself_anew(
    fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    proxy = proxy_row(1080, "socks5", username="user", password="word")
    Proxy.objects.update(status="healthy", performance_metrics={"streak": 9})
    with caplog.at_level(logging.INFO, "proxies"):
        changed = proxy_update(proxy, **fields)
    assert changed.status == "unknown"
    assert "streak" not in changed.performance_metrics
    (change,) = changed.performance_metrics["changes"]
    assert (change["from"], change["to"], change["why"]) == (
        "healthy",
        "unknown",
        "changed",
    )
    assert "was healthy and is unknown" in caplog.text


def test_a_new_name_proves_nothing_and_disproves_nothing() -> None:
    proxy = proxy_row(1080)
    Proxy.objects.update(status="healthy", performance_metrics={"streak": 9})
    changed = proxy_update(proxy, name="other", priority=3)
    assert (changed.status, changed.performance_metrics) == ("healthy", {"streak": 9})


def test_a_proxy_that_is_switched_on_again_is_unknown() -> None:
    proxy = proxy_row(1080)
    Proxy.objects.update(status="unhealthy")
    assert proxy_disable(proxy).status == "unhealthy"
    assert proxy_enable(proxy).status == "unknown"


def test_the_fingerprint_changes_with_the_way_and_nothing_else() -> None:
    proxy = proxy_row(1080, "socks5", username="user", password="word")
    before = proxy_fingerprint(proxy)
    assert len(before) == 16
    assert proxy_fingerprint(proxy_update(proxy, name="x", priority=2)) == before
    seen = {before}
    for host, port, password in (("b", 1080, "word"), ("b", 9, "word"), ("b", 9, "x")):
        proxy = proxy_update(proxy, host=host, port=port, password=password)
        seen.add(proxy_fingerprint(proxy))
    assert len(seen) == 4


@pytest.mark.parametrize(
    "fields", [{"host": "127.0.0.2"}, {"port": 9}, {"type": "http"}]
)
def test_a_stored_password_is_never_sent_to_another_address(
    fields: dict[str, Any],
) -> None:
    proxy = proxy_row(1080, "socks5", username="user", password="word")
    with pytest.raises(ConfigurationError, match="Enter it again, or remove it"):
        proxy_update(proxy, **fields)
    proxy.refresh_from_db()
    assert (proxy.type, proxy.host, proxy.port) == ("socks5", "127.0.0.1", 1080)
    assert proxy_address(proxy_update(proxy, **fields, password="word")).password
    bare = proxy_update(proxy, host="127.0.0.3", username=None, password=None)
    assert bare.password_encrypted is None
    assert proxy_update(bare, host="127.0.0.4").host == "127.0.0.4"


def test_the_same_password_once_more_moves_nobody() -> None:
    proxy = proxy_row(1080, "socks5", username="user", password="word")
    bare = proxy_row(1081)
    Proxy.objects.update(status="healthy")
    before = proxy_fingerprint(proxy)
    proxy = proxy_update(proxy, password="word")
    assert (proxy.status, proxy_fingerprint(proxy)) == ("healthy", before)
    assert proxy_update(bare, password=None).status == "healthy"


def test_a_password_that_cannot_be_read_is_replaced_by_the_new_one() -> None:
    other = proxy_row(1, "socks5", username="user", password="word")
    proxy = proxy_row(1080, "socks5", username="user", password="word")
    Proxy.objects.filter(pk=proxy.pk).update(
        password_encrypted=other.password_encrypted
    )
    assert proxy_address(proxy_update(proxy, password="word")).password == "word"
