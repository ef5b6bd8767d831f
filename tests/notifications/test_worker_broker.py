"""A worker whose Redis vanishes while it has a task in hand."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from kombu import Connection

from btc_watcher.celery import app
from btc_watcher.lib.redis_keys import PRIORITIES, notifications_queue
from notifications.dispatch import messages_send
from notifications.models import Notification
from tests.e2e.system import Process, environment
from tests.notifications.factories import message
from tests.notifications.workers import wait_for
from tests.sentinels import Node, started

if TYPE_CHECKING:
    from pathlib import Path

    from notifications.models import NotificationChannel
    from tests.notifications.fakes import SmtpFake

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.timeout(120),
]


def deliver(url: str, title: str) -> None:
    """Have the worker of that Redis deliver the notification called ``title``."""
    messages_send([message(priority="P0", title=title)])
    row = Notification.objects.latest("pk")
    with Connection(url) as broker:
        app.send_task(
            "notifications.tasks.deliver",
            ([row.pk],),
            queue=notifications_queue("P0"),
            connection=broker,
            ignore_result=True,
        )


def test_it_goes_on_when_redis_is_back(
    email_channel: NotificationChannel, smtp: SmtpFake, tmp_path: Path
) -> None:
    del email_channel
    queues = ",".join(notifications_queue(each) for each in PRIORITIES)
    command = [
        *(sys.executable, "-m", "celery", "-A", "btc_watcher", "worker"),
        *("--pool", "threads", "-c", "2", "-Q", queues, "-l", "INFO"),
        *("--without-gossip", "--without-mingle"),
    ]
    smtp.hold = True
    with ExitStack() as ends:
        node = started(Node(tmp_path, "redis", ()), ends)
        url = node.url
        worker = Process(command, environment(tmp_path, url), tmp_path / "log").start()
        ends.callback(worker.stop)
        deliver(url, "in hand")
        wait_for(Notification.objects.filter(metadata__has_key="claim").exists)

        node.kill()
        wait_for(lambda: "Connection to broker lost" in worker.log())
        smtp.hold = False
        node.start()
        deliver(url, "afterwards")
        wait_for(lambda: "[P0] afterwards" in smtp.subjects())
    assert "Unrecoverable" not in worker.log()
