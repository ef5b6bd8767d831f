"""Real servers of Redis beyond one: a master, its replica, three sentinels; a cluster."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import redis
from django.conf import settings
from kombu import Connection

from btc_watcher.lib.redis_address import RedisAddress
from btc_watcher.lib.redis_client import SENTINEL_OPTIONS
from btc_watcher.local import ports
from btc_watcher.local.state import write_json, write_private
from btc_watcher.local.valkey import EmbeddedValkey
from tests.notifications.workers import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Capitals, because addresses are often lowered.
SERVICE = "Btcw-Main"
PASSWORD = "word-of-the-servers"
SENTINEL_PASSWORD = "word-of-the-sentinels"
DOWN_MS = 2_000
# Until the sentinels agree and have promoted. They notice after two seconds, but one
# that was kept from running for two does nothing for half a minute.
FAILOVER_SECONDS = 60.0
KILL = ((signal.SIGKILL, 10.0),)


class Node(EmbeddedValkey):
    """A Valkey with more lines of configuration."""

    def __init__(
        self, folder: Path, name: str, lines: Sequence[str], password: str = PASSWORD
    ) -> None:
        super().__init__(
            folder / name,
            folder / f"{name}.log",
            port=ports.any_free(),
            throwaway=True,
        )
        self._lines = lines
        self.data_dir.mkdir()
        write_json(self.data_dir / "server.json", {"password": password})

    def prepare(self) -> None:
        """Write the configuration."""
        super().prepare()
        path = self.data_dir / "valkey.conf"
        more = [*self._lines, f"masterauth {self.password}"]
        write_private(path, path.read_text() + "\n".join(more) + "\n")

    def client(self) -> redis.Redis:
        """Return a client of this very server, to be closed by the caller."""
        return redis.Redis(port=self.port, password=self.password, socket_timeout=5)

    def kill(self) -> None:
        """End it with SIGKILL, at once."""
        self.stop_steps = KILL
        self.stop()

    def role(self) -> str:
        """Return master or slave."""
        with self.client() as client:
            return str(client.info("replication")["role"])


class SentinelNode(Node):
    """A sentinel of the master at ``port``."""

    title = "Sentinel"

    def __init__(self, folder: Path, name: str, port: int) -> None:
        super().__init__(folder, name, (), SENTINEL_PASSWORD)
        self._master = port

    def prepare(self) -> None:
        """Write the configuration once: from then on it keeps there what it knows."""
        path = self.data_dir / "valkey.conf"
        if path.exists():
            return
        lines = [
            *("bind 127.0.0.1", f"port {self.port}", f'dir "{self.data_dir}"'),
            f"requirepass {self.password}",
            f"sentinel sentinel-pass {self.password}",
            f"sentinel monitor {SERVICE} 127.0.0.1 {self._master} 2",
            f"sentinel auth-pass {SERVICE} {PASSWORD}",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_MS}",
            f"sentinel failover-timeout {SERVICE} 3000",
        ]
        write_private(path, "\n".join(lines) + "\n")

    def command(self) -> list[str]:
        """Return the command line of a sentinel."""
        return [*super().command(), "--sentinel"]


class Service:
    """A master, a replica and three sentinels that know each other."""

    def __init__(self, nodes: list[Node], watchers: list[SentinelNode]) -> None:
        self.nodes = nodes
        self.watchers = watchers

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.watchers)
        return (
            f"redis+sentinel://:{PASSWORD}@{hosts}/{SERVICE}/0"
            f"?sentinel_password={SENTINEL_PASSWORD}"
        )

    def master(self) -> Node:
        """Return the node that the first living sentinel names."""
        (watcher, *_others) = [each for each in self.watchers if each.alive]
        with watcher.client() as client:
            state = client.sentinel_masters()[SERVICE]
        return next(each for each in self.nodes if each.port == state["port"])

    def is_settled(self) -> bool:
        """Tell whether every sentinel knows the others and a replica that follows."""
        for watcher in self.watchers:
            with watcher.client() as client:
                state = client.sentinel_masters()[SERVICE]
                replicas = client.sentinel_slaves(SERVICE)
            well = [each for each in replicas if each["master-link-status"] == "ok"]
            down = state["is_sdown"] or state["is_odown"]
            if down or state["num-other-sentinels"] != 2 or not well:
                return False
        return True


@contextmanager
def service_running() -> Iterator[Service]:
    """Yield a settled service in a folder of its own."""
    with ExitStack() as ends:
        name = ends.enter_context(tempfile.TemporaryDirectory(prefix="btcw-sentinel-"))
        folder = Path(name)
        master = started(Node(folder, "one", ()), ends)
        follow = f"replicaof 127.0.0.1 {master.port}"
        other = started(
            Node(folder, "two", (follow, "repl-diskless-sync-delay 0")), ends
        )
        watchers = [
            started(SentinelNode(folder, f"sentinel-{number}", master.port), ends)
            for number in range(3)
        ]
        service = Service([master, other], watchers)
        wait_for(service.is_settled, FAILOVER_SECONDS)
        yield service


@contextmanager
def cluster_running() -> Iterator[Sequence[Node]]:
    """Yield the three nodes of a cluster that has all its slots."""
    with ExitStack() as ends:
        name = ends.enter_context(tempfile.TemporaryDirectory(prefix="btcw-cluster-"))
        lines = ("cluster-enabled yes", "cluster-node-timeout 2000", "databases 1")
        nodes = [
            started(Node(Path(name), f"node-{number}", _with_bus(lines)), ends)
            for number in range(3)
        ]
        first = ends.enter_context(nodes[0].client())
        for number, node in enumerate(nodes):
            client = ends.enter_context(node.client())
            begin, end = number * 16384 // 3, (number + 1) * 16384 // 3 - 1
            client.execute_command("CLUSTER ADDSLOTSRANGE", begin, end)
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
            first.execute_command("CLUSTER MEET", "127.0.0.1", node.port, _bus_of(node))
        wait_for(
            lambda: (
                "cluster_state:ok" in str(first.execute_command("CLUSTER INFO"))
                or first.execute_command("CLUSTER INFO").get("cluster_state") == "ok"
            ),
            30,
        )
        yield nodes


AnyNode = TypeVar("AnyNode", bound=Node)


def started(node: AnyNode, ends: ExitStack) -> AnyNode:
    """Start ``node``; it ends with ``ends``."""
    node.start()
    ends.callback(node.kill)
    return node


def _with_bus(lines: Sequence[str]) -> Sequence[str]:
    # The usual bus port is 10000 above, which may not exist.
    return (*lines, f"cluster-port {ports.any_free()}")


def _bus_of(node: Node) -> int:
    with node.client() as client:
        return int(client.config_get("cluster-port")["cluster-port"])


def fail_over(service: Service, *, frozen: bool = False) -> float:
    """Kill or freeze the master, wait until another is one; return the seconds."""
    before = service.master()
    if frozen:
        # Its connections stay open, and nothing answers any more.
        os.kill(before.pid or 0, signal.SIGSTOP)
    else:
        before.kill()
    started = time.monotonic()
    wait_for(lambda: service.master() is not before, FAILOVER_SECONDS)
    wait_for(lambda: service.master().role() == "master", FAILOVER_SECONDS)
    return time.monotonic() - started


def restore(service: Service) -> None:
    """Start what was killed; it follows the new master."""
    for node in service.nodes:
        if not node.alive:
            node.start()
    wait_for(service.is_settled, FAILOVER_SECONDS)


def broker_of(service: Service) -> Connection:
    """Return a connection as the schedule has it, time-outs and all."""
    address = RedisAddress.parse(service.url)
    return Connection(
        address.broker_url(),
        transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS
        | address.broker_options(dict(SENTINEL_OPTIONS)),
    )
