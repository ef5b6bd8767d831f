"""The master of Redis is killed under the running system: nobody has to do anything."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import requests
from django.conf import settings
from django.test import Client
from django.utils import timezone
from kombu.exceptions import KombuError
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from accounts.facts import RequestFacts
from accounts.models import User
from accounts.services import token_create
from btc_watcher.celery import app
from btc_watcher.lib.redis_client import RedisError
from btc_watcher.lib.redis_keys import PRIORITIES, notifications_queue
from notifications.models import Notification
from notifications.policy import LEASE
from signals_app.models import Signal
from tests.e2e.system import Process, WebServer, environment
from tests.notifications.workers import wait_for
from tests.sentinels import (
    FAILOVER_SECONDS,
    broker_of,
    fail_over,
    service_running,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from notifications.models import NotificationChannel
    from tests.notifications.fakes import SmtpFake
    from tests.sentinels import Service

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.timeout(600),
]

# A page waits for Redis while nobody knows that it is gone, and no longer.
PATIENCE = 15.0


class Repeated(threading.Thread):
    """Does something again and again until told to stop; its failure is the test's."""

    def __init__(self, action: Any, pace: float) -> None:
        super().__init__(daemon=True)
        self._action, self._pace = action, pace
        self._over = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Go on until the end or the first failure."""
        for number in itertools.count():
            if self._over.wait(self._pace):
                return
            try:
                self._action(number)
            except Exception as error:  # noqa: BLE001 - told by over()
                self.failure = error
                return

    def over(self) -> None:
        """Stop, and raise what went wrong."""
        self._over.set()
        self.join(60)
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def service() -> Iterator[Service]:
    with service_running() as running:
        yield running


@pytest.fixture
def web(service: Service, tmp_path: Path) -> Iterator[WebServer]:
    """The web process and a worker on the service."""
    variables = environment(tmp_path, service.url)
    queues = ",".join(notifications_queue(each) for each in PRIORITIES)
    command = [
        *(sys.executable, "-m", "celery", "-A", "btc_watcher", "worker"),
        *("--pool", "threads", "-c", "2", "-Q", queues, "-l", "INFO"),
    ]
    worker = Process(command, variables, tmp_path / "worker.log").start()
    server = WebServer(variables, tmp_path / "web.log")
    try:
        yield server.start()
    finally:
        server.stop()
        worker.stop()


def sweep(service: Service) -> None:
    """Have a worker look for notifications without a task, as the schedule does."""
    try:
        with broker_of(service) as broker:
            app.send_task(
                "notifications.tasks.sweep",
                queue=notifications_queue("P0"),
                connection=broker,
                retry=False,
                ignore_result=True,
            )
    except (KombuError, RedisError, OSError):
        pass


class Outside:
    """An integrator who posts signals, and a person with a page open."""

    def __init__(self, web: WebServer) -> None:
        user = User.objects.create_superuser("trader", "secret-word", language="en")
        facts = RequestFacts(ip_address="127.0.0.1", user_agent="test")
        _row, token = token_create(user=user, facts=facts, days=1)
        person = Client()
        person.force_login(user)
        name = settings.SESSION_COOKIE_NAME
        self._cookie = {"Cookie": f"{name}={person.cookies[name].value}"}
        self._bearer = {"Authorization": f"Bearer {token}"}
        self._web = web
        self.confirmed: list[str] = []
        self.waited: list[float] = []
        self.heard: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def post(self, number: int) -> None:
        """Post a signal, which must be taken."""
        row = {
            "strategy": "outside",
            "pair": f"P{number}/USDT",
            "exchange": "binance",
            "timeframe": "5m",
            "type": "BUY",
            "price": 100 + number,
            "strength": 90,
            "timestamp": timezone.now().isoformat(),
        }
        address = f"{self._web.url}/api/v1/signals/"
        answer = requests.post(address, json=row, headers=self._bearer, timeout=60)
        assert answer.status_code == 201, answer.text
        self.confirmed.append(answer.json()["id"])

    def look(self, _number: int) -> None:
        """Load the live page, still logged in."""
        started = time.monotonic()
        answer = requests.get(f"{self._web.url}/", headers=self._cookie, timeout=60)
        self.waited.append(time.monotonic() - started)
        assert answer.status_code == 200
        assert "/login/" not in answer.url

    def _listen(self) -> None:
        place = f"127.0.0.1:{self._web.port}"
        address, origin = f"ws://{place}/ws/signals/", Origin(f"http://{place}")
        with (
            connect(address, additional_headers=self._cookie, origin=origin) as page,
            suppress(ConnectionClosed),
        ):
            while True:
                self.heard.append(str(page.recv()))


@pytest.mark.parametrize("frozen", [False, True], ids=["killed", "frozen"])
def test_pages_feed_and_notifications_go_on_and_nothing_is_lost(
    *,
    frozen: bool,
    service: Service,
    web: WebServer,
    email_channel: NotificationChannel,
    smtp: SmtpFake,
) -> None:
    del email_channel
    outside = Outside(web)
    at_work = [
        Repeated(outside.post, 0.3),
        Repeated(outside.look, 0.3),
        Repeated(lambda _number: sweep(service), 2.0),
    ]
    for each in at_work:
        each.start()
    try:
        wait_for(lambda: len(smtp.received) >= 3 and outside.heard, 60)
        seconds = fail_over(service, frozen=frozen)
        known, shown = len(smtp.received), len(outside.heard)
        wait_for(lambda: len(smtp.received) > known + 3, 60)
        wait_for(lambda: any('"signal"' in each for each in outside.heard[shown:]), 30)
        at_work[0].over()
        # One that a task had in hand is found again when its lease is over.
        wait_for(lambda: not _waiting(), LEASE.total_seconds() + 60)
    finally:
        for each in at_work:
            each.over()
    assert seconds < FAILOVER_SECONDS
    assert max(outside.waited) < PATIENCE
    _nothing_lost_or_twice(outside.confirmed, len(smtp.received))


def _waiting() -> int:
    return Notification.objects.exclude(status="sent").count()


def _nothing_lost_or_twice(confirmed: list[str], mails: int) -> None:
    """What was confirmed is stored, and what is stored was told, each once."""
    stored = {str(key) for key in Signal.objects.values_list("pk", flat=True)}
    assert set(confirmed) == stored
    told = Counter(Notification.objects.values_list("signal_id", "status"))
    assert {str(key): status for key, status in told} == dict.fromkeys(stored, "sent")
    assert max(told.values()) == 1
    assert mails == len(confirmed)
