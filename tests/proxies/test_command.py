"""``manage.py test_proxies``."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command

from proxies.cache import claim_test
from proxies.models import ProxyTest
from proxies.queues import FOLLOW_UP
from tests.proxies.fakes import proxy_row

if TYPE_CHECKING:
    import redis

    from tests.notifications.fakes import ProxyFake

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[str, str]:
    """Return what the command printed, and its error."""
    out = StringIO()
    try:
        call_command("test_proxies", *arguments, stdout=out, no_color=True)
    except CommandError as error:
        # What manage.py exits with.
        return out.getvalue(), f"{error.returncode}: {error}"
    return out.getvalue(), ""


def test_it_prints_a_line_for_each_proxy_and_fails_when_one_does(
    between: ProxyFake, url: str, dead_port: int
) -> None:
    proxy_row(between.port, name="Tokyo", test_url=url)
    proxy_row(dead_port, "socks5", name="the one that is away")
    proxy_row(1, name="off", enabled=False)
    out, error = run()
    head, *lines, last = out.splitlines()
    assert head.split() == [
        *("NAME", "TYPE", "ADDRESS", "RESULT"),
        *("LATENCY", "STATUS", "DETAIL"),
    ]
    by_name = {line[:22].strip(): line for line in lines}
    good, bad = by_name["Tokyo"], by_name["the one that is away"]
    assert "exit address 203.0.113.7" in good
    assert " ms  unknown" in good
    assert "FAILED" in bad
    assert "refused: Nobody listens at socks5://127.0.0.1:" in bad
    # Columns stand under each other.
    assert good.index("ok  ") == bad.index("FAILED") == head.index("RESULT")
    assert last == "2 tested, 1 ok, 1 failed."
    assert error == "1: 1 of 2 proxies failed."
    assert ProxyTest.objects.count() == 2


def test_what_fails_by_hand_is_tested_again_soon_by_a_worker(
    dead_port: int, redis_client: redis.Redis
) -> None:
    proxy = proxy_row(dead_port, name="away")
    run()
    assert not claim_test(proxy.pk, FOLLOW_UP, 5)


def test_it_prints_an_array_for_programs(
    between: ProxyFake, url: str, dead_port: int
) -> None:
    proxy_row(between.port, name="Tokyo", test_url=url)
    out, error = run("--json")
    (row,) = json.loads(out)
    assert error == ""
    assert (row["name"], row["success"], row["failure"]) == ("Tokyo", True, "")
    assert row["exit_address"] == "203.0.113.7"
    proxy_row(dead_port, name="away", username="user", password="s3cret-word")
    out, error = run("--json")
    assert {row["failure"] for row in json.loads(out)} == {"", "refused"}
    assert "s3cret-word" not in out
    assert error == "1: 1 of 2 proxies failed."


def test_one_is_named_by_name_or_number_even_when_it_is_off(
    between: ProxyFake, url: str
) -> None:
    proxy_row(between.port, name="other", test_url=url)
    off = proxy_row(between.port, name="Tokyo", test_url=url, enabled=False)
    for name in ("tokyo", str(off.pk)):
        out, _error = run(name, "--json")
        assert [row["id"] for row in json.loads(out)] == [off.pk]
    out, error = run("nowhere")
    assert out == ""
    assert "No proxy is called 'nowhere'. Proxies: 'Tokyo', 'other'." in error


def test_without_any_proxy_it_says_so() -> None:
    assert run() == ("No proxy is switched on.\n", "")
    assert run("--json") == ("[]\n", "")
    assert run("x") == ("", "1: No proxy is called 'x'. Proxies: none yet.")
