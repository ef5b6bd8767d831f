"""The form of a proxy: what is refused is said beside the field; a password stays in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxies.models import Proxy
from proxies.selectors import proxy_address
from proxies.services import proxy_create, proxy_test
from tests.proxies.fakes import proxy_row
from tests.proxies.pages import filled, person, plain, shown

if TYPE_CHECKING:
    from typing import Any

    from django.test import Client

    from tests.notifications.fakes import ProxyFake

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
NEW, TRY = "/proxies/new/", "/proxies/try/"
SECRET = "s3cret-word"


@pytest.fixture
def browser(client: Client) -> Client:
    client.force_login(person("add", "change"))
    return client


def edit(proxy: Proxy) -> str:
    return f"/proxies/{proxy.pk}/edit/"


def errors(browser: Client, address: str, **changes: Any) -> dict[str, list[str]]:
    """Send a form with changes and return what is said beside its fields."""
    response = browser.post(address, filled(**changes))
    assert response.status_code == 400
    form = response.context["form"]
    assert all(
        text in response.content.decode().replace("&#x27;", "'")
        for texts in form.errors.values()
        for text in texts
    )
    return {name: list(texts) for name, texts in form.errors.items()}


def test_a_proxy_is_made_with_its_password_and_its_own_rules(browser: Client) -> None:
    answer = browser.post(NEW, filled())
    proxy = Proxy.objects.get()
    assert answer.headers["Location"] == f"/proxies/{proxy.pk}/"
    assert (proxy.name, proxy.type, proxy.port) == ("Tokyo", "socks5", 1080)
    assert (proxy.priority, proxy.enabled) == (2, True)
    assert proxy_address(proxy).password == SECRET
    assert proxy.health_check_config == {
        "timeout_seconds": 2,
        "expected_status": [200, 204],
    }
    assert SECRET not in shown(browser, edit(proxy))


def test_the_form_shows_what_is_stored_and_the_defaults_in_grey(
    browser: Client,
) -> None:
    proxy = proxy_row(1080, health_check_config={"window": 50})
    page = shown(browser, edit(proxy))
    assert 'name="window" value="50"' in page
    assert 'placeholder="10"' in page
    assert 'placeholder="200"' in page
    assert "https://api.ipify.org" in page


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "required"),
        ("host", "http://proxy.example.net:1080", "without scheme"),
        ("port", "70000", "65535"),
        ("port", "x", "whole number"),
        ("priority", "0", "whole number from 1"),
        ("test_url", "ftp://x", "http://"),
        ("username", "", ""),
        ("type", "socks4", ""),
        ("timeout_seconds", "600", "from 1 to 60"),
        ("window", "2.5", "number from 1 to 1000"),
        ("expected_status", "fine", "parted by commas"),
        ("expected_status", "9", "HTTP statuses"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    browser: Client, field: str, value: str, words: str
) -> None:
    said = errors(browser, NEW, **{field: value})
    # A login that does not fit is said of the password.
    where = "password" if field in ("username", "type") else field
    assert list(said) == [where]
    assert words in said[where][0]
    assert not Proxy.objects.exists()


def test_several_wrong_fields_are_all_named(browser: Client) -> None:
    proxy_row(1, name="TOKYO")
    said = errors(browser, NEW, host="a b", port="0", retry_minutes="0")
    assert set(said) == {"name", "host", "port", "retry_minutes"}


def test_an_empty_password_keeps_the_stored_one_and_a_box_removes_it(
    browser: Client,
) -> None:
    browser.post(NEW, filled())
    proxy = Proxy.objects.get()
    browser.post(edit(proxy), filled(name="Osaka", password=""))
    proxy.refresh_from_db()
    assert proxy.name == "Osaka"
    assert proxy_address(proxy).password == SECRET
    browser.post(edit(proxy), filled(password="", username="", forget_password="on"))
    proxy.refresh_from_db()
    assert proxy.password_encrypted is None


@pytest.mark.parametrize(
    "moved", [{"host": "evil.example.net"}, {"port": "1081"}, {"type": "http"}]
)
def test_a_stored_password_goes_to_no_other_address(
    browser: Client, moved: dict[str, str]
) -> None:
    browser.post(NEW, filled())
    proxy = Proxy.objects.get()
    (said,) = errors(browser, edit(proxy), password="", **moved)["password"]
    assert "was given for another address" in said
    assert "Enter it again" in said
    # Nor by trying what is in the form.
    body = filled(password="", proxy=str(proxy.pk), **moved)
    tried = plain(browser.post(TRY, body).content.decode())
    assert "To look at again" in tried
    assert "Password" in tried
    assert browser.post(edit(proxy), filled(**moved)).status_code == 302


def test_a_form_that_was_refused_shows_no_password(browser: Client) -> None:
    answer = browser.post(NEW, filled(port="0"))
    assert SECRET not in answer.content.decode()


def test_what_leads_somewhere_else_is_tested_and_a_new_name_is_not(
    browser: Client, between: ProxyFake, url: str
) -> None:
    proxy = proxy_row(between.port, test_url=url)
    proxy_test(proxy.pk, "on_demand")
    Proxy.objects.update(status="healthy")
    body = {"type": "http", "host": "127.0.0.1", "username": "", "password": ""}
    body |= {"port": str(between.port), "test_url": url}
    answer = browser.post(edit(proxy), filled(**body), follow=True)
    assert "Saved." in plain(answer.content.decode())
    assert Proxy.objects.get().status == "healthy"
    answer = browser.post(
        edit(proxy), filled(**body | {"host": "localhost"}), follow=True
    )
    assert "It is being tested now." in plain(answer.content.decode())


def test_a_try_asks_through_the_proxy_and_stores_nothing(
    browser: Client, between: ProxyFake, url: str
) -> None:
    between.password = SECRET
    body = {"host": "127.0.0.1", "port": str(between.port), "username": "user"}
    page = plain(browser.post(TRY, filled(**body, test_url=url)).content.decode())
    assert "It works." in page
    assert "203.0.113.7" in page
    assert between.kinds == ["socks5"]
    assert not Proxy.objects.exists()


def test_a_try_says_why_not_and_what_to_do(
    browser: Client, between: ProxyFake, url: str
) -> None:
    between.password = "another"
    body = {"host": "127.0.0.1", "port": str(between.port), "username": "user"}
    page = plain(browser.post(TRY, filled(**body, test_url=url)).content.decode())
    assert "login refused" in page
    assert "refused the user name and password" in page
    assert "Enter user name and password again" in page
    assert SECRET not in page


def test_a_try_of_a_stored_one_uses_its_password(
    browser: Client, between: ProxyFake, url: str
) -> None:
    between.password = SECRET
    proxy = proxy_create(
        name="a",
        type="socks5",
        host="127.0.0.1",
        port=between.port,
        username="user",
        password=SECRET,
    )
    body = {"host": "127.0.0.1", "port": str(between.port), "username": "user"}
    body |= {"password": "", "proxy": str(proxy.pk), "name": "a", "test_url": url}
    page = plain(browser.post(TRY, filled(**body)).content.decode())
    assert "It works." in page


def test_a_try_of_a_wrong_form_names_the_fields(browser: Client) -> None:
    page = plain(browser.post(TRY, filled(port="0")).content.decode())
    assert "To look at again" in page
    assert "Port" in page


def test_trying_needs_the_right_to_make_or_to_change(client: Client) -> None:
    proxy = proxy_row(9)
    client.force_login(person("add"))
    assert client.post(TRY, filled(proxy=str(proxy.pk))).status_code == 403
    assert client.post(TRY, filled(proxy="999")).status_code == 404
    assert client.post(TRY, filled(port="0")).status_code == 200
    client.force_login(person(name="wang"))
    assert client.post(TRY, filled()).status_code == 403
