"""kill -9 of the schedule, the worker and the supervisor: each is told by another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitoring.health import Health
from monitoring.heartbeats import outside
from monitoring.heartbeats.store import beats_read
from monitoring.heartbeats.telling import key_of
from monitoring.models import ProcessHeartbeat
from notifications.models import Alert
from tests.e2e.system import until
from tests.monitoring import quick_settings
from tests.monitoring.beating import PingFake, mail_channel
from tests.monitoring.processes import COMMANDS, process
from tests.notifications.fakes import SmtpFake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import Settings

    from tests.e2e.system import Process

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(300),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


@pytest.fixture
def smtp() -> Iterator[SmtpFake]:
    fake = SmtpFake()
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def system(tmp_path: Path, smtp: SmtpFake) -> Iterator[dict[str, Process]]:
    """One process of every role, all of them beating."""
    mail_channel(smtp)
    running = {role: process(role, tmp_path).start() for role in COMMANDS}
    try:
        until(lambda: set(COMMANDS) <= alive(), "a heartbeat of all", 60)
        yield running
    finally:
        for each in running.values():
            each.stop()


@pytest.fixture
def service(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[PingFake]:
    """A service outside, pinged by the rules of the processes."""
    monkeypatch.setattr(outside, "health", Health())
    settings.HEARTBEATS = quick_settings.HEARTBEATS
    with PingFake() as fake:
        settings.HEARTBEAT_URL = f"{fake.base}/my-uuid"
        yield fake


def pinged() -> bool:
    return outside.outside_ping() == {"found": "ok", "sent": "ping"}


def alive() -> set[str]:
    return {row.role for row in beats_read() if row.age_s < 3 and not row.stopped_at}


def told(role: str) -> Alert | None:
    return Alert.objects.filter(key=key_of(role)).first()


@pytest.mark.parametrize("role", COMMANDS)
def test_a_process_that_is_killed_is_told_once_and_its_return_too(
    role: str, system: dict[str, Process], smtp: SmtpFake, service: PingFake
) -> None:
    until(pinged, "a ping of the service outside")
    victim = system[role]
    pid = victim.pid
    victim.kill()
    alert = until(lambda: told(role), f"an alert about {role}", 60)
    assert alert.priority == "P0"
    assert f"pid {pid}" in alert.body
    # To the service outside the death is silence.
    service.received.clear()
    ping = outside.outside_ping()
    assert (ping["sent"], service.received) == ("no", [])
    assert f"{role} " in ping["found"]
    # Without a worker whoever saw it sends it as well.
    until(lambda: len(smtp.received) == 1, "a mail", 60)
    victim.start()
    until(lambda: Alert.objects.get(pk=alert.pk).resolved_at, "the all-clear", 60)
    until(lambda: len(smtp.received) == 2, "a mail of the all-clear", 60)
    until(pinged, "a ping of the service outside")
    assert Alert.objects.count() == 1
    assert "died" in victim.log()


def test_an_orderly_end_is_no_alarm_at_once(system: dict[str, Process]) -> None:
    for each in system.values():
        each.stop()
    rows = ProcessHeartbeat.objects.exclude(stopped_at=None)
    assert set(rows.values_list("role", flat=True)) == set(COMMANDS)
    assert not Alert.objects.exists()
