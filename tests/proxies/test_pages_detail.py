"""A proxy's own page: its history, who uses it, switching it and removing it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone, translation

from proxies.advice import failure_advice, failure_sentence
from proxies.charts import RANGES, chart_of
from proxies.models import Proxy, ProxyTest
from proxies.probe import FAILURES, SENTENCES
from proxies.services import proxy_disable
from tests.proxies.fakes import history, proxy_row
from tests.proxies.pages import channel, person, plain, shown

if TYPE_CHECKING:
    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


@pytest.fixture
def browser(client: Client) -> Client:
    client.force_login(person("change", "delete"))
    return client


def page_of(proxy: Proxy) -> str:
    return f"/proxies/{proxy.pk}/"


def chart(html: str) -> dict[str, Any]:
    """Return what the script of the page draws."""
    found = re.search(r'id="chart-data" type="application/json">(.*?)</script>', html)
    assert found
    data = json.loads(found[1])
    assert isinstance(data, dict)
    return data


def test_the_page_tells_tests_with_their_cause_and_what_to_do(browser: Client) -> None:
    proxy = proxy_row(1080, "socks5")
    history(proxy, "++-", newest=timezone.now())
    ProxyTest.objects.filter(success=False).update(
        error_message="There was no answer through socks5://127.0.0.1:1080 within 2"
        " seconds.",
        test_details={"failure": "timeout", "why": "retry"},
    )
    page = plain(shown(browser, page_of(proxy)))
    for words in (
        "no answer in time",
        "There was no answer through socks5://127.0.0.1:1080 within 2 seconds.",
        "The proxy or the way to it is slow or dead.",
        "repeated test",
        "3 tests 1 failed: no answer in time 1",
    ):
        assert words in page


def test_the_chart_has_median_slowest_and_failures_by_class_of_each_span() -> None:
    proxy = proxy_row(9)
    at = timezone.now() - timedelta(hours=2)
    for latency, failure in ((100, ""), (300, ""), (None, "dns"), (None, "refused")):
        ProxyTest.objects.create(
            proxy=proxy,
            test_time=at,
            success=not failure,
            latency_ms=latency,
            test_details={"failure": failure},
        )
    ProxyTest.objects.create(
        proxy=proxy_row(10), test_time=at, success=True, latency_ms=7
    )
    found = chart_of(proxy.pk, RANGES[0])
    assert (found.tests, found.failed) == (4, 2)
    data = found.data
    assert (data["p50"], data["max"], data["tests"]) == ([100], [300], [4])
    counts = {each["name"]: each["counts"] for each in data["failures"]}
    assert counts == {"dns": [1], "refused": [1]}
    assert abs(data["at"][0] - at.timestamp()) <= 300


@pytest.mark.parametrize(
    ("key", "days"), [("24h", 1), ("7d", 7), ("30d", 30), ("90d", 90)]
)
def test_a_range_shows_what_is_in_it(browser: Client, key: str, days: int) -> None:
    proxy = proxy_row(9)
    inside = timezone.now() - timedelta(days=days) + timedelta(hours=1)
    history(proxy, "+", newest=inside)
    history(proxy, "-", newest=inside - timedelta(hours=2))
    html = shown(browser, f"{page_of(proxy)}?range={key}")
    data = chart(html)
    assert sum(data["tests"]) == 1
    assert data["zone"] == "Asia/Shanghai"
    assert f'?range={key}#history" aria-current="true"' in html


def test_a_range_that_makes_no_sense_is_the_first(browser: Client) -> None:
    page = shown(browser, f"{page_of(proxy_row(9))}?range=x")
    assert "Nothing was tested in this period." in page
    assert '?range=24h#history" aria-current="true"' in page


def test_changes_of_the_state_are_told_newest_first(browser: Client) -> None:
    proxy = proxy_row(9)
    at = timezone.now().isoformat()
    proxy.performance_metrics["changes"] = [
        {"at": at, "from": "unknown", "to": "healthy", "why": "proven"},
        {"at": at, "from": "healthy", "to": "unhealthy", "why": "geo_block"},
    ]
    proxy.save()
    page = plain(shown(browser, page_of(proxy)))
    assert page.index("blocked for its region") < page.index("proven by tests")


def test_who_uses_it_is_named_also_who_is_there_for_now(browser: Client) -> None:
    own, other = proxy_row(1, name="own"), proxy_row(2, name="other")
    Proxy.objects.filter(pk=own.pk).update(status="unhealthy")
    Proxy.objects.filter(pk=other.pk).update(status="healthy")
    row = channel(own)
    page = shown(browser, page_of(own))
    assert f"/notifications/channels/{row.pk}/" in page
    assert "goes by its policy now" in page
    assert "cannot be deleted" in page
    there = plain(shown(browser, page_of(other)))
    assert "on duty for now, because its own proxy is not well" in there
    assert "Delete this proxy" in there


def test_deleting_is_refused_with_the_users_names(browser: Client) -> None:
    proxy = proxy_row(9)
    row = channel(proxy)
    answer = browser.post(f"{page_of(proxy)}delete/", follow=True)
    assert "is used by 'on duty'" in plain(answer.content.decode())
    assert Proxy.objects.exists()
    row.delete()
    answer = browser.post(f"{page_of(proxy)}delete/", follow=True)
    assert "is deleted." in plain(answer.content.decode())
    assert not Proxy.objects.exists()


def test_deleting_has_a_permission_of_its_own(client: Client) -> None:
    proxy = proxy_row(9)
    client.force_login(person("change"))
    assert "Delete this proxy" not in shown(client, page_of(proxy))
    assert client.post(f"{page_of(proxy)}delete/").status_code == 403


def test_it_is_switched_off_and_on_from_any_page(browser: Client) -> None:
    proxy = proxy_row(9)
    switch = f"{page_of(proxy)}switch/"
    answer = browser.post(switch, {"to": "off", "next": "/proxies/"}, follow=True)
    assert answer.redirect_chain == [("/proxies/", 302)]
    assert not Proxy.objects.get().enabled
    answer = browser.post(switch, {"to": "on", "next": "https://elsewhere.test/"})
    assert answer.headers["Location"] == page_of(proxy)
    assert Proxy.objects.get().enabled


def test_one_that_is_off_says_so_and_can_still_be_tested(browser: Client) -> None:
    proxy = proxy_row(9)
    proxy_disable(proxy)
    page = plain(shown(browser, page_of(proxy)))
    assert "Switch on" in page
    assert "Test now" in page


def test_one_that_is_gone_is_not_found(browser: Client) -> None:
    assert shown(browser, "/proxies/999/", status=404)
    assert browser.post("/proxies/999/test/").status_code == 404


@pytest.mark.parametrize("failure", FAILURES)
def test_every_recorded_sentence_is_found_again_in_the_reader_s_language(
    failure: str,
) -> None:
    message = SENTENCES[failure].format(
        proxy="http://127.0.0.1:9", target="target.test", status=451, seconds=2.5
    )
    with translation.override("en"):
        assert failure_sentence(failure, message) == message
        assert failure_advice(failure)
    # What somebody else wrote stays as it is.
    assert failure_sentence(failure, "100 % otherwise") == "100 % otherwise"


def test_an_unknown_class_of_failure_is_shown_as_it_was_recorded() -> None:
    assert failure_sentence("new", "Something.") == "Something."
    assert failure_advice("new") == ""
