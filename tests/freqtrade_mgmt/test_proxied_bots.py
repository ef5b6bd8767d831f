"""Real bots through proxies: only through them, whatever they are, and never around."""

from __future__ import annotations

import contextlib
import socket
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from btc_watcher.lib.encryption import key_ring
from freqtrade_mgmt.failover.round import failover_round
from proxies.models import Proxy
from proxies.selectors import proxy_identity
from signals_app.models import Signal
from strategies.models import Strategy
from strategies.services import strategy_start
from tests.freqtrade_mgmt.supervising import (
    adopted,
    demo,
    is_running,
    open_process,
    reason_of,
    state_of,
    supervising,
    supervisor_of_its_own,
    until,
)
from tests.freqtrade_mgmt.test_supervisor import until_none_is_missing
from tests.notifications.fakes.proxies import ProxyFake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freqtrade_mgmt.simulator.server import SimulatedExchange

pytestmark = [
    pytest.mark.freqtrade,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("system"),
]

PASSWORD = "p:w/s3cret-%&"
# Nobody listens there; only proxies know that it is the simulated exchange.
ELSEWHERE = "127.0.0.9"


@pytest.fixture
def hidden(exchange: SimulatedExchange, settings: Any) -> str:
    """The simulated exchange at an address that only proxies can reach."""
    settings.SIMULATOR_URL = exchange.url.replace("127.0.0.1", ELSEWHERE)
    return f"{ELSEWHERE}:{exchange.port}"


class MortalProxy(ProxyFake):
    """A proxy that can die with all of its connections, and come back."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        super().__init__()
        self._acceptor = self._threads[0]
        self.hosts[ELSEWHERE] = "127.0.0.1"

    def _connect(self, kind: str, host: str, port: int) -> socket.socket:
        sock = super()._connect(kind, host, port)
        self._sockets.append(sock)
        return sock

    def die(self) -> None:
        self._over.set()
        self._acceptor.join(5)
        self._listening.close()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def revive(self) -> None:
        self._over.clear()
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._listening.settimeout(0.05)
        self._acceptor = threading.Thread(target=self._accept)
        self._threads.append(self._acceptor)
        self._acceptor.start()


@pytest.fixture
def between() -> Iterator[MortalProxy]:
    """A proxy that knows where the exchange is, and counts."""
    with MortalProxy() as fake:
        yield fake


@pytest.fixture
def other() -> Iterator[MortalProxy]:
    """Another one."""
    with MortalProxy() as fake:
        yield fake


def stored(port: int, kind: str, password: str = "", **fields: Any) -> Proxy:
    """Store a healthy proxy."""
    values: dict[str, Any] = {"name": "Tokyo", "status": "healthy"}
    proxy = Proxy.objects.create(
        type=kind, host="127.0.0.1", port=port, **(values | fields)
    )
    if password:
        proxy.username = "user"
        proxy.password_encrypted = key_ring().encrypt(
            password, proxy_identity(proxy.pk)
        )
        proxy.save()
    return proxy


def wanted(
    proxy: Proxy, number: int = 0, *, exchange: str = "simulated", **bot: Any
) -> Strategy:
    """Store a demonstration's strategy that goes through a proxy, and ask for it."""
    strategy = demo(
        number, freqtrade_config={"proxy": proxy.pk, **bot}, exchange=exchange
    )
    strategy_start(strategy.pk)
    return strategy


def logs(home: Path) -> str:
    """Return all that bots have written anywhere."""
    return "\n".join(
        file.read_text(errors="replace")
        for file in (home / "bots").rglob("*")
        if file.is_file() and ".log" in file.name
    )


@pytest.mark.parametrize(
    ("kind", "password"),
    [
        ("http", ""),
        ("http", PASSWORD),
        ("socks5", ""),
        ("socks5", PASSWORD),
        ("socks4", ""),
    ],
)
async def test_a_bot_reaches_its_exchange_through_its_proxy_alone(
    hidden: str,
    between: MortalProxy,
    tmp_path: Path,
    kind: str,
    password: str,
) -> None:
    between.password = password
    proxy = await sync_to_async(stored)(between.port, kind, password)
    strategy = await sync_to_async(wanted)(proxy)

    async with supervising():
        await until(partial(is_running, strategy), "running")
        await until(lambda: Signal.objects.count() > 5, "signals")
        process = await until(lambda: open_process(strategy), "a process")
        bot = psutil.Process(process.pid)
        told = str(bot.environ()) + " ".join(bot.cmdline())
        config = (tmp_path / "bots" / str(strategy.pk) / "config.json").read_text()

    assert set(between.kinds) == {kind}
    assert set(between.targets) == {hidden}
    assert not {"aiohttp.client", "Traceback"} & set(logs(tmp_path).split())
    if password:
        assert PASSWORD not in told + config + logs(tmp_path)
        assert "s3cret" not in told + config + logs(tmp_path)


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_a_real_exchange_is_asked_for_by_name_and_only_of_the_proxy(
    between: MortalProxy, kind: str
) -> None:
    # Nowhere: what the bot asks for is counted and goes no further.
    for host in ("api.binance.com", "fapi.binance.com", "dapi.binance.com"):
        between.hosts[host] = "127.0.0.1"
    proxy = await sync_to_async(stored)(between.port, kind)
    strategy = await sync_to_async(wanted)(proxy, exchange="binance")

    async with supervising():
        await until(lambda: between.targets, "a request")
        await until(lambda: reason_of(strategy), "the reason")

    assert {
        target.rpartition(":")[0] for target in between.targets
    } <= between.hosts.keys()
    assert "api.binance.com:443" in between.targets


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_a_wrong_password_is_told_plainly_and_without_it(
    exchange: SimulatedExchange,
    hidden: str,
    between: MortalProxy,
    tmp_path: Path,
    kind: str,
) -> None:
    between.password = "the right one"
    proxy = await sync_to_async(stored)(between.port, kind, PASSWORD)
    strategy = await sync_to_async(wanted)(proxy)

    async with supervising():
        await until(lambda: "Tokyo" in reason_of(strategy), "the reason")
        # It is waited for, as for an exchange that is away.
        assert await sync_to_async(state_of)(strategy) == "starting"
        reason = await sync_to_async(reason_of)(strategy)
        assert reason.endswith("The proxy Tokyo refuses the user name or the password.")
        assert exchange.hits.total() == 0

        def correct() -> None:
            proxy.password_encrypted = key_ring().encrypt(
                "the right one", proxy_identity(proxy.pk)
            )
            proxy.save()
            failover_round(timezone.now())

        await sync_to_async(correct)()
        await until(partial(is_running, strategy), "running")

    assert "s3cret" not in reason + logs(tmp_path)
    assert "the right one" not in logs(tmp_path)


@pytest.mark.parametrize("kind", ["http", "socks4", "socks5"])
async def test_a_dead_proxy_never_means_directly(
    exchange: SimulatedExchange, between: MortalProxy, kind: str
) -> None:
    # The exchange is where the bot could reach it without any proxy.
    between.die()
    proxy = await sync_to_async(stored)(between.port, kind)
    strategy = await sync_to_async(wanted)(proxy)

    async with supervising():
        await until(lambda: reason_of(strategy), "the reason")
        assert await sync_to_async(state_of)(strategy) == "starting"

    assert exchange.hits.total() == 0


def way_of(strategy: Strategy) -> object:
    """Return the proxy of the bot that runs and is proven."""
    process = open_process(strategy)
    if process is None or not is_running(strategy):
        return None
    return process.resource_usage.get("proxy", "direct")


async def test_a_proxy_dies_and_bots_move_one_by_one_and_back_without_losing_signals(
    hidden: str, between: MortalProxy, other: MortalProxy
) -> None:
    between.password = PASSWORD

    def prepare() -> tuple[Proxy, Proxy, list[Strategy]]:
        tokyo = stored(between.port, "http", PASSWORD)
        osaka = stored(other.port, "socks5", name="Osaka", priority=2)
        return tokyo, osaka, [wanted(tokyo, number) for number in (0, 1)]

    tokyo, osaka, strategies = await sync_to_async(prepare)()
    away: list[int] = []

    def all_there(proxy: Proxy) -> bool:
        states = Strategy.objects.values_list("status", flat=True)
        away.append(sum(state != "running" for state in states))
        return [way_of(each) for each in strategies] == [proxy.pk] * 2

    def round_with(status: str) -> None:
        Proxy.objects.filter(pk=tokyo.pk).update(status=status)
        failover_round(timezone.now())

    async with supervising():
        await until(lambda: all_there(tokyo), "running")
        away.clear()
        between.die()
        await sync_to_async(round_with)("unhealthy")
        await until(lambda: all_there(osaka), "the move", 120)
        assert max(away) == 1
        for strategy in strategies:
            assert await until_none_is_missing(strategy) == set()
        assert set(other.targets) == {hidden}
        count = len(between.targets)

        between.revive()
        away.clear()
        await sync_to_async(round_with)("healthy")
        await until(lambda: all_there(tokyo), "the way back", 120)
        assert max(away) == 1
        assert len(between.targets) > count
        for strategy in strategies:
            assert await until_none_is_missing(strategy) == set()


async def test_what_may_go_no_other_way_is_stopped_and_starts_again(
    hidden: str, between: MortalProxy, other: MortalProxy
) -> None:
    def prepare() -> tuple[Proxy, Strategy]:
        tokyo = stored(between.port, "socks4")
        stored(other.port, "socks5", name="Osaka")
        return tokyo, wanted(tokyo, proxy_policy="never")

    tokyo, strategy = await sync_to_async(prepare)()

    def round_with(status: str) -> None:
        Proxy.objects.filter(pk=tokyo.pk).update(status=status)
        failover_round(timezone.now())

    async with supervising():
        await until(partial(is_running, strategy), "running")
        await sync_to_async(round_with)("unhealthy")
        await until(lambda: open_process(strategy) is None, "the end of the bot")
        await until(lambda: "Tokyo is out" in reason_of(strategy), "the reason")
        assert await sync_to_async(state_of)(strategy) == "starting"
        await sync_to_async(round_with)("healthy")
        await until(partial(is_running, strategy), "running again")

    assert other.targets == []


async def test_going_directly_is_done_where_the_policy_says_so(
    exchange: SimulatedExchange, between: MortalProxy
) -> None:
    def prepare() -> Strategy:
        tokyo = stored(between.port, "http", status="unhealthy")
        return wanted(tokyo, proxy_policy="direct")

    strategy = await sync_to_async(prepare)()
    async with supervising():
        await until(partial(is_running, strategy), "running")
        assert await sync_to_async(way_of)(strategy) == "direct"
    assert between.targets == []
    assert exchange.hits.total() > 0


async def test_a_bot_behind_a_bridge_outlives_a_killed_supervisor(
    hidden: str, between: MortalProxy, settings: Any
) -> None:
    tokyo = await sync_to_async(stored)(between.port, "socks4")
    strategy = await sync_to_async(wanted)(tokyo)
    with supervisor_of_its_own(settings) as supervisor:
        await until(partial(is_running, strategy), "running")
        bridges = [
            child
            for child in psutil.Process(supervisor.pid).children()
            if "bridge_program" in " ".join(child.cmdline())
        ]
    left = await until(lambda: open_process(strategy), "a process")
    assert len(bridges) == 1
    await until(lambda: not bridges[0].is_running(), "the end of the bridge")
    count = len(between.targets)

    async with supervising():
        taken = await adopted(strategy)
        assert (taken.pk, taken.pid) == (left.pk, left.pid)
        # Its next requests find the bridge where it was.
        await until(lambda: len(between.targets) > count, "traffic", 90)
        again = await until(lambda: open_process(strategy), "the same process")
        assert again.pid == left.pid
