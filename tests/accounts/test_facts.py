"""What is recorded of a request, and how a person reads it."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from accounts.facts import AGENT_LENGTH, agent_label, request_facts

MOZILLA = "Mozilla/5.0 "
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        (
            MOZILLA + "(X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            "Firefox · Linux",
        ),
        (MOZILLA + "(Windows NT 10.0; Win64; x64) " + CHROME, "Chrome · Windows"),
        (MOZILLA + "(Windows NT 10.0) " + CHROME + " Edg/142.0", "Edge · Windows"),
        (MOZILLA + "(Linux; Android 15) " + CHROME, "Chrome · Android"),
        (
            MOZILLA
            + "(iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari · iPhone",
        ),
        ("python-requests/2.32", "python-requests/2.32"),
        ("", ""),
    ],
)
def test_a_browser_is_named_shortly_and_a_program_as_it_calls_itself(
    agent: str, label: str
) -> None:
    assert agent_label(agent) == label


@pytest.mark.parametrize(
    ("address", "stored"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("testserver", None),
    ],
)
def test_only_a_real_address_is_recorded(address: str, stored: str | None) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=address)
    assert request_facts(request).ip_address == stored


def test_a_header_that_anybody_may_send_is_not_believed() -> None:
    request = RequestFactory().get("/", headers={"x-forwarded-for": "203.0.113.9"})
    assert request_facts(request).ip_address == "127.0.0.1"


def test_a_long_or_broken_agent_is_cut_and_cleaned() -> None:
    request = RequestFactory().get("/", headers={"user-agent": "a\n\x00b " + "x" * 900})
    agent = request_facts(request).user_agent
    assert agent.startswith("a b x")
    assert len(agent) == AGENT_LENGTH
