"""The list of proxies: what it shows, to whom, and a test from its row."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from proxies.cache import live_put
from proxies.models import Proxy
from proxies.services import proxy_disable, proxy_test
from proxies.tasks import told
from tests.proxies.fakes import history, proxy_row
from tests.proxies.pages import channel, person, plain, shown

if TYPE_CHECKING:
    from typing import Any

    from django.test import Client

    from tests.notifications.fakes import ProxyFake

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
LIST = "/proxies/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def browser(client: Client) -> Client:
    """Somebody who may do everything with proxies."""
    client.force_login(person("add", "change", "delete"))
    return client


@pytest.fixture
def onlooker(client: Client) -> Client:
    """Somebody who may only look."""
    client.force_login(person(name="wang"))
    return client


def queued(redis_client: redis.Redis) -> list[Any]:
    """Return the numbers of the proxies that wait for a worker."""
    tasks: Any = redis_client.lrange("queue:default", 0, -1)
    return [json.loads(task)["headers"]["argsrepr"] for task in tasks]


def test_nobody_in_particular_is_sent_to_the_login(client: Client) -> None:
    assert client.get(LIST).headers["Location"].startswith("/login/")


def test_the_empty_list_says_what_a_proxy_is_for_and_how_to_make_one(
    browser: Client,
) -> None:
    page = plain(shown(browser, LIST))
    assert "No proxies yet" in page
    assert "HTTP, SOCKS4 or SOCKS5" in page
    assert "New proxy" in page
    assert "Test all" not in page


def test_an_onlooker_is_told_whom_to_ask_and_finds_no_buttons(onlooker: Client) -> None:
    page = plain(shown(onlooker, LIST))
    assert "ask an administrator" in page
    assert "New proxy" not in page
    proxy = proxy_row(9)
    page = shown(onlooker, LIST)
    assert "Test now" not in page
    assert onlooker.post(f"{LIST}{proxy.pk}/test/").status_code == 403
    assert onlooker.post(f"{LIST}test/").status_code == 403
    assert onlooker.post(f"{LIST}{proxy.pk}/switch/").status_code == 403
    assert onlooker.get(f"{LIST}new/").status_code == 403
    assert shown(onlooker, f"{LIST}{proxy.pk}/")


def test_a_row_says_all_of_a_proxy_and_nothing_of_its_login(browser: Client) -> None:
    proxy = proxy_row(1080, "socks5", name="Tokyo", username="mei", password="s3cret")
    proxy.performance_metrics = {
        "success_rate": 96.0,
        "tests": 50,
        "p50_ms": 120,
        "p95_ms": 310,
        "streak": 4,
        "exit_address": "203.0.113.7",
        "since": (timezone.now() - timedelta(hours=3)).isoformat(),
    }
    proxy.status, proxy.last_test_time = "healthy", timezone.now()
    proxy.save()
    history(proxy, "+-++", newest=timezone.now())
    channel(proxy)

    html = shown(browser, LIST)

    page = plain(html)
    for words in (
        "Tokyo",
        "socks5://••••@127.0.0.1:1080",
        "healthy",
        "for 3 h",
        "96 %",
        "4 in a row",
        "120 / 310 ms",
        "203.0.113.7",
        "103 ms",
        "4 tests, 1 failed; 100 to 103 ms",
    ):
        assert words in page
    assert html.count("<rect") == 4
    assert html.count('class="lost"') == 1
    assert 'title="on duty">1' in html
    assert "s3cret" not in html
    assert "mei" not in html
    assert "Asia/Shanghai" in page


def test_a_failing_one_says_why_and_what_to_do(browser: Client) -> None:
    proxy = proxy_row(9)
    proxy.performance_metrics = {
        "streak": -3,
        "last_failure": "refused",
        "success_rate": 0.0,
    }
    proxy.status, proxy.last_test_time = "unhealthy", timezone.now()
    proxy.save()
    page = plain(shown(browser, LIST))
    assert "connection refused" in page
    assert "Check host and port" in page
    assert "0 of 3 successes in a row" in page
    assert "3 failed in a row" in page


def test_the_number_of_queries_does_not_grow_with_the_proxies(browser: Client) -> None:
    counts = []
    for number in range(1, 4):
        channel(proxy_row(number), name=f"channel {number}")
        shown(browser, LIST)
        with CaptureQueriesContext(connection) as made:
            shown(browser, LIST)
        counts.append(len(made))
    assert counts[0] == counts[2]


def test_a_redis_that_hangs_would_hold_the_list_up_once(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = redis.Redis.execute_command

    def counted(client: redis.Redis, *words: Any, **options: Any) -> Any:
        asked.append(str(words[0]))
        return ask(client, *words, **options)

    # What others ask the same server meanwhile does not count.
    monkeypatch.setattr(redis.Redis, "execute_command", counted)
    counts = []
    for number in range(1, 4):
        proxy_row(number)
        asked.clear()
        shown(browser, LIST)
        counts.append(sum(each in {"GET", "MGET"} for each in asked))
    assert counts[0] == counts[2] > 0


def test_many_are_searched_sorted_and_chosen_by_state(browser: Client) -> None:
    rows = [proxy_row(number, name=f"proxy {number}") for number in range(1, 8)]
    Proxy.objects.filter(pk=rows[2].pk).update(status="unhealthy")
    Proxy.objects.filter(pk=rows[3].pk).update(
        performance_metrics={"p50_ms": 5, "exit_address": "203.0.113.99"}
    )
    proxy_disable(rows[4])

    def names(query: str) -> list[str]:
        html = shown(browser, LIST + query)
        return [row.name for row in rows if f">{row.name}</a>" in html]

    assert len(names("")) == 7
    assert names("?q=203.0.113.99") == ["proxy 4"]
    assert names("?state=unhealthy") == ["proxy 3"]
    assert names("?state=off") == ["proxy 5"]
    assert names("?type=socks4") == []
    assert "No proxy fits." in shown(browser, f"{LIST}?type=socks4")
    assert len(names("?state=nonsense&sort=nonsense&type=x&page=x")) == 7
    fast = shown(browser, f"{LIST}?sort=latency")
    assert fast.index(">proxy 4</a>") < fast.index(">proxy 1</a>")
    bad = shown(browser, f"{LIST}?sort=state")
    assert bad.index(">proxy 3</a>") < bad.index(">proxy 1</a>")


def test_a_page_holds_fifty(browser: Client) -> None:
    for number in range(1, 53):
        proxy_row(number, name=f"proxy {number:02}")
    first = shown(browser, LIST)
    assert ">proxy 50</a>" in first
    assert ">proxy 51</a>" not in first
    assert "?page=2" in first
    assert ">proxy 51</a>" in shown(browser, f"{LIST}?page=2")


def test_a_test_is_asked_of_a_worker_and_followed_until_it_is_over(
    browser: Client,
    redis_client: redis.Redis,
    between: ProxyFake,
    url: str,
    django_capture_on_commit_callbacks: Any,
) -> None:
    proxy = proxy_row(between.port, test_url=url)
    with django_capture_on_commit_callbacks(execute=True):
        browser.post(f"{LIST}{proxy.pk}/test/", headers=HTMX)
    assert len(queued(redis_client)) == 1
    live = f"{LIST}{proxy.pk}/live/"
    waiting = shown(browser, live)
    assert "waiting for a worker" in waiting
    assert f'hx-get="{live}"' in waiting

    test = proxy_test(proxy.pk, "on_demand")
    live_put(proxy.pk, told(test, "on_demand"))
    over = browser.get(live)

    assert over.headers["HX-Retarget"] == f"#p{proxy.pk}"
    page = plain(over.content.decode())
    assert f"{test.latency_ms} ms" in page
    assert "203.0.113.7" in page
    own = browser.get(f"{live}?own")
    assert own.headers["HX-Retarget"] == "#now"
    assert 'id="rest"' in own.content.decode()


def test_a_test_that_nobody_takes_is_told(browser: Client) -> None:
    proxy = proxy_row(9)
    live = f"{LIST}{proxy.pk}/live/"
    past = timezone.now() - timedelta(seconds=30)
    live_put(proxy.pk, {"state": "waiting", "at": past.isoformat()})
    assert "Is the worker running?" in shown(browser, live)
    past -= timedelta(minutes=5)
    live_put(proxy.pk, {"state": "running", "at": past.isoformat()})
    assert "hx-get" not in browser.get(live).content.decode().split("<td")[7]
    message = "The queue of tasks is away, so nobody could be asked to test."
    live_put(proxy.pk, {"state": "failed", "message": message})
    assert message in shown(browser, live)


def test_without_a_script_a_test_leads_back_to_the_page(
    browser: Client, redis_client: redis.Redis, django_capture_on_commit_callbacks: Any
) -> None:
    proxy = proxy_row(9)
    with django_capture_on_commit_callbacks(execute=True):
        answer = browser.post(f"{LIST}{proxy.pk}/test/")
    assert answer.headers["Location"] == f"{LIST}{proxy.pk}/"
    assert len(queued(redis_client)) == 1


def test_all_that_are_switched_on_are_tested(
    browser: Client, redis_client: redis.Redis, django_capture_on_commit_callbacks: Any
) -> None:
    proxy_row(1)
    proxy_row(2)
    proxy_disable(proxy_row(3))
    with django_capture_on_commit_callbacks(execute=True):
        answer = browser.post(f"{LIST}test/", follow=True)
    assert "2 proxies are being tested." in plain(answer.content.decode())
    page = plain(shown(browser, LIST))
    assert page.count("waiting for a worker") == 2
    assert len(queued(redis_client)) == 2


def test_the_list_reads_well_in_chinese(client: Client) -> None:
    client.force_login(person("change", language="zh-hans"))
    proxy_row(9)
    assert "代理" in shown(client, LIST)
