"""Proxies in the admin: changed and tested by the services, their tests only read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from django.utils import timezone

from proxies.models import Proxy, ProxyTest
from proxies.selectors import proxy_address
from tests.proxies.fakes import history, proxy_row
from tests.proxies.pages import filled, person

if TYPE_CHECKING:
    from django.test import Client

    from tests.notifications.fakes import ProxyFake

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
LIST = "admin:proxies_proxy_changelist"
TESTS = "admin:proxies_proxytest_changelist"
SECRET = "s3cret-word"


@pytest.fixture
def browser(admin_client: Client) -> Client:
    admin_client.cookies["django_language"] = "en"
    return admin_client


def act(browser: Client, action: str, *chosen: Proxy) -> str:
    """Choose an action in the list and return the page that follows."""
    body = {
        "action": action,
        "confirmed": "yes",
        "_selected_action": [str(row.pk) for row in chosen],
    }
    return browser.post(reverse(LIST), body, follow=True).content.decode()


def page_of(proxy: Proxy) -> str:
    return reverse("admin:proxies_proxy_change", args=[proxy.pk])


def body(**changes: str) -> dict[str, str]:
    return filled(health_check_config="{}", **changes)


def test_a_proxy_is_made_and_its_password_is_never_shown(browser: Client) -> None:
    answer = browser.post(reverse("admin:proxies_proxy_add"), body())
    assert answer.status_code == 302, answer.content
    proxy = Proxy.objects.get()
    assert proxy_address(proxy).password == SECRET
    page = browser.get(page_of(proxy)).content.decode()
    assert SECRET not in page
    assert str(proxy.password_encrypted) not in page
    assert "Stored. Leave empty to keep it." in page
    assert f"/proxies/{proxy.pk}/" in page


def test_an_empty_password_keeps_it_and_the_box_removes_it(browser: Client) -> None:
    browser.post(reverse("admin:proxies_proxy_add"), body())
    proxy = Proxy.objects.get()
    assert (
        browser.post(page_of(proxy), body(name="Osaka", password="")).status_code == 302
    )
    proxy.refresh_from_db()
    assert (proxy.name, proxy_address(proxy).password) == ("Osaka", SECRET)
    browser.post(page_of(proxy), body(password="", username="", forget_password="on"))
    proxy.refresh_from_db()
    assert proxy.password_encrypted is None
    browser.post(page_of(proxy), body(password="another"))
    proxy.refresh_from_db()
    assert proxy_address(proxy).password == "another"


def test_a_stored_password_goes_to_no_other_address(browser: Client) -> None:
    browser.post(reverse("admin:proxies_proxy_add"), body())
    proxy = Proxy.objects.get()
    answer = browser.post(page_of(proxy), body(host="evil.test", password=""))
    assert list(answer.context["adminform"].errors) == ["password"]
    assert browser.post(page_of(proxy), body(host="b.test")).status_code == 302


def test_what_the_service_refuses_is_said_beside_the_field(browser: Client) -> None:
    wrong = body(host="a b") | {"health_check_config": '{"window": 0}'}
    answer = browser.post(reverse("admin:proxies_proxy_add"), wrong)
    assert answer.status_code == 200
    errors = answer.context["adminform"].errors
    assert set(errors) == {"host", "health_check_config"}
    assert not Proxy.objects.exists()


def test_chosen_proxies_are_tested_and_each_result_is_told(
    browser: Client, between: ProxyFake, url: str, dead_port: int
) -> None:
    good = proxy_row(between.port, name="good", test_url=url)
    bad = proxy_row(dead_port, name="bad")
    page = act(browser, "test_now", good, bad)
    assert "Good: " in page
    assert " ms" in page
    assert "Bad: Nobody listens at" in page
    assert ProxyTest.objects.count() == 2


def test_chosen_proxies_are_switched_off_and_on(browser: Client) -> None:
    one, two = proxy_row(1), proxy_row(2)
    assert "2 proxies were changed." in act(browser, "disable", one, two)
    assert not Proxy.objects.filter(enabled=True).exists()
    assert "1 proxy was changed." in act(browser, "enable", one)
    assert list(Proxy.objects.filter(enabled=True)) == [one]


def test_many_are_never_deleted_at_once(browser: Client) -> None:
    proxy = proxy_row(9)
    assert "delete_selected" not in browser.get(reverse(LIST)).content.decode()
    act(browser, "delete_selected", proxy)
    assert Proxy.objects.exists()


def test_whoever_may_only_look_has_no_actions(client: Client) -> None:
    who = person("view")
    who.is_staff = True
    who.save()
    client.force_login(who)
    proxy = proxy_row(9)
    act(client, "disable", proxy)
    assert Proxy.objects.get().enabled
    assert client.get(page_of(proxy)).status_code == 200


def test_tests_of_the_last_day_are_listed_unless_more_is_asked_for(
    browser: Client,
) -> None:
    proxy, now = proxy_row(9), timezone.now()
    history(proxy, "+", newest=now)
    history(proxy, "-", newest=now - timedelta(days=3))
    history(proxy, "-", newest=now - timedelta(days=20))
    history(proxy, "-", newest=now - timedelta(days=40))

    def count(query: str) -> int:
        page = browser.get(reverse(TESTS) + query).content.decode()
        return page.count('class="field-test_time')

    assert count("") == 1
    assert count("?days=7") == 2
    assert count("?days=31") == 3
    assert count("?days=9999") == 1


def test_a_test_is_only_read(browser: Client) -> None:
    proxy = proxy_row(9)
    history(proxy, "-", newest=timezone.now())
    test = ProxyTest.objects.get()
    page = browser.get(reverse(TESTS)).content.decode()
    assert "no answer in time" in page
    assert "delete_selected" not in page
    address = reverse("admin:proxies_proxytest_change", args=[test.pk])
    assert 'name="_save"' not in browser.get(address).content.decode()
    assert browser.post(address, {"success": "on"}).status_code == 403
