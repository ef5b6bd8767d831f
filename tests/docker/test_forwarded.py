"""Whose X-Forwarded-For is believed: nobody behind a proxy makes an address up."""

from __future__ import annotations

import contextlib
import ipaddress
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from btc_watcher.programs import web_command
from freqtrade_mgmt.supervisor.processes import free_port
from tests.docker.files import DOCKER, compose, documents
from tests.e2e.system import Process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PERSON, MADE_UP = "203.0.113.9", "198.51.100.1"
# Where requests of these tests come from.
LOOPBACK = "127.0.0.0/8"
WEB = compose()["services"]["web"]["environment"]
CONFIGMAP = documents(DOCKER / "kubernetes" / "configmap.yaml")[0]["data"]


@contextlib.contextmanager
def web(folder: Path, believed: str) -> Iterator[int]:
    """Run uvicorn as the pages' command does; give its port."""
    port = free_port()
    command = [
        "tests.docker.who_asks:application" if word.startswith("btc_watcher.") else word
        for word in web_command("127.0.0.1", port)
    ]
    variables = {"FORWARDED_ALLOW_IPS": believed}
    process = Process(command, variables, folder / "log").start()
    try:
        until = time.monotonic() + 60
        while not _answers(port):
            assert time.monotonic() < until, process.log()
            time.sleep(0.1)
        yield port
    finally:
        process.stop()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        return bool(seen(port))
    return False


def seen(port: int, *lines: str) -> str:
    """Return whom a request comes from, by the program, with these headers."""
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=10)) as asked:
        asked.putrequest("GET", "/")
        for line in lines:
            asked.putheader("X-Forwarded-For", line)
        asked.endheaders()
        return asked.getresponse().read().decode()


def test_a_proxy_whose_network_is_named_tells_who_asks_and_strangers_do_not(
    tmp_path: Path,
) -> None:
    with web(tmp_path, LOOPBACK) as port:
        # A proxy that replaces the header, as ours does.
        assert seen(port, PERSON) == PERSON
        # One that adds to what it was sent, in the same line or in another.
        assert seen(port, f"{MADE_UP}, {PERSON}") == PERSON
        assert seen(port, MADE_UP, PERSON) == PERSON
        # Two of them, both named.
        assert seen(port, f"{MADE_UP}, {PERSON}, 127.0.0.9") == PERSON


def test_a_proxy_that_is_not_named_is_who_asks(tmp_path: Path) -> None:
    with web(tmp_path, CONFIGMAP["FORWARDED_ALLOW_IPS"]) as port:
        assert seen(port, PERSON) == "127.0.0.1"


def test_the_manifests_name_networks_and_never_everybody() -> None:
    network = compose()["networks"]["outside"]["ipam"]["config"][0]["subnet"]
    believed = WEB["FORWARDED_ALLOW_IPS"]

    assert believed == f"${{WATCHER_TRUSTED_PROXIES:-{network}}}"
    named = network.partition(":-")[2].rstrip("}")
    for each in (named, *CONFIGMAP["FORWARDED_ALLOW_IPS"].split(",")):
        assert ipaddress.ip_network(each).is_private, each
    for path in (DOCKER / "kubernetes").glob("*.yaml"):
        for document in documents(path):
            assert "'FORWARDED_ALLOW_IPS', 'value': '*'" not in str(document), path


@pytest.mark.parametrize("page", ["README.md", "kubernetes/README.md"])
def test_the_pages_tell_how_a_proxy_of_ones_own_is_named(page: str) -> None:
    text = (DOCKER / page).read_text("utf-8")
    name = "FORWARDED_ALLOW_IPS" if "/" in page else "WATCHER_TRUSTED_PROXIES"
    assert f"`{name}`" in text
