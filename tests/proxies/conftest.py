"""A target and a counting proxy in front of it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from django.utils import translation

from tests.notifications.fakes import ProxyFake
from tests.proxies.fakes import TargetFake

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """Whatever language the test before has left behind, words are English."""
    with translation.override("en"):
        yield


@pytest.fixture
def target() -> Iterator[TargetFake]:
    """A server that tells from which address it was asked."""
    with TargetFake() as fake:
        yield fake


@pytest.fixture
def between() -> Iterator[ProxyFake]:
    """A proxy that counts, and alone knows where target.test is."""
    with ProxyFake() as fake:
        fake.hosts["target.test"] = "127.0.0.1"
        yield fake


@pytest.fixture
def url(target: TargetFake) -> str:
    """The target by a name that only the proxy knows: nobody reaches it directly."""
    return f"http://target.test:{target.base.rpartition(':')[2]}/ip"


@pytest.fixture
def dead_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
