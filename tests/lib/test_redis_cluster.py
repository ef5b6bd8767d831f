"""A Redis Cluster is refused, wherever it is met, and for a reason that is true."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from django.test.utils import override_settings
from django.utils import timezone
from kombu import Connection, Queue
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException, ResponseError

from btc_watcher.env import BASE_DIR
from btc_watcher.lib import redis_keys
from btc_watcher.lib.errors import ConfigurationError
from btc_watcher.lib.redis_client import cluster_refuse, redis_client
from btc_watcher.local import checks
from btc_watcher.local.state import LocalError
from btc_watcher.programs import (
    beat_command,
    supervisor_command,
    web_command,
    worker_command,
)
from monitoring.doctor import redis_service
from monitoring.doctor.shapes import Facts, State
from tests.sentinels import PASSWORD, cluster_running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.sentinels import Node

pytestmark = pytest.mark.timeout(120)

QUEUES = [redis_keys.notifications_queue(each) for each in redis_keys.PRIORITIES]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Sequence[Node]]:
    """Three nodes that have all slots between them."""
    with cluster_running() as running:
        yield running


@pytest.fixture
def environment_of_a_node(
    nodes: Sequence[Node], tmp_path: Path, settings: Any
) -> dict[str, str]:
    """The environment of a process that is given a node's address."""
    return dict(os.environ) | {  # noqa: TID251 - for a child of ours
        "REDIS_URL": nodes[0].url,
        "BTCW_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "BTCW_ENCRYPTION_KEYS": settings.ENCRYPTION_KEYS,
    }


def test_celery_cannot_use_a_cluster(nodes: Sequence[Node]) -> None:
    """The reason that is told: this test fails on the day when it is none any more."""
    first, *_others = nodes
    with (
        RedisCluster(host="127.0.0.1", port=first.port, password=PASSWORD) as client,
        pytest.raises(
            RedisClusterException, match="all keys must map to the same key slot"
        ),
    ):
        client.brpop(QUEUES, timeout=0.1)
    with Connection(first.url) as broker, pytest.raises(ResponseError):
        # So a worker begins.
        broker.Consumer([Queue(name) for name in QUEUES])


def test_every_node_is_known_as_one(nodes: Sequence[Node]) -> None:
    for node in nodes:
        with redis_client(node.url) as client, pytest.raises(ConfigurationError):
            cluster_refuse(client)


def test_make_up_refuses_it(nodes: Sequence[Node]) -> None:
    with pytest.raises(
        LocalError, match="node of a cluster, but a Redis Cluster cannot"
    ):
        checks.check_redis(nodes[1].url)
    with pytest.raises(LocalError, match=r"redis\+cluster:// *, but a Redis Cluster"):
        checks.check_redis("redis+cluster://127.0.0.1:1/0")


def test_the_doctor_says_so(nodes: Sequence[Node]) -> None:
    facts = Facts(now=timezone.now())
    with override_settings(REDIS_URL=nodes[2].url):
        assert redis_service.cluster(facts).state is State.FAILED
    assert redis_service.cluster(facts).state is State.OK


@pytest.mark.parametrize(
    "command",
    [
        web_command("127.0.0.1", 1),
        worker_command("worker"),
        beat_command(),
        supervisor_command(),
    ],
    ids=["web", "worker", "beat", "supervisor"],
)
def test_no_process_of_the_system_starts_on_it(
    command: tuple[str, ...], environment_of_a_node: dict[str, str]
) -> None:
    done = subprocess.run(
        command,
        cwd=BASE_DIR,
        env=environment_of_a_node,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert "REDIS_URL leads to a node of a cluster" in told
    assert "Celery" in told
    assert PASSWORD not in told
