"""The switch outside: a service that tells when it is not asked any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btc_watcher.local.ports import any_free
from monitoring.health import Health
from monitoring.heartbeats import outside
from monitoring.heartbeats.store import Identity, beat_write
from strategies.models import Strategy
from tests.monitoring.beating import PingFake, aged, beating
from tests.notifications.fakes import ProxyFake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings


@pytest.fixture
def service(settings: Settings) -> Iterator[PingFake]:
    with PingFake() as fake:
        settings.HEARTBEAT_URL = f"{fake.base}/my-uuid"
        settings.HEARTBEAT_FAIL = True
        yield fake


@pytest.fixture
def _fresh_health(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "health", Health())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_client", "_fresh_health")
class TestOutside:
    """The dead man's switch."""

    def test_without_an_address_nobody_is_asked(self) -> None:
        assert outside.outside_ping() == {"found": "", "sent": "no"}

    def test_when_all_is_well_the_service_is_asked(self, service: PingFake) -> None:
        beating("beat", "worker")
        assert outside.outside_ping() == {"found": "ok", "sent": "ping"}
        assert [each.path for each in service.received] == ["/my-uuid"]

    @pytest.mark.parametrize("role", ["beat", "worker"])
    def test_a_missing_process_is_told_as_a_failure(
        self, service: PingFake, role: str
    ) -> None:
        beating(*({"beat", "worker"} - {role}))
        assert outside.outside_ping() == {"found": f"no {role} runs", "sent": "fail"}
        (request,) = service.received
        assert (request.path, request.body) == (
            "/my-uuid/fail",
            f"no {role} runs".encode(),
        )

    def test_without_leave_to_fail_trouble_is_silence(
        self, service: PingFake, settings: Settings
    ) -> None:
        settings.HEARTBEAT_FAIL = False
        beating("beat")
        assert outside.outside_ping()["sent"] == "no"
        assert service.received == []

    def test_a_dead_process_is_no_wellness(self, service: PingFake) -> None:
        beating("beat", "worker")
        beat_write(Identity("b", "worker", "urgent", 9, 5.0), {})
        aged(60, host="b")
        assert outside.outside_ping()["found"] == "worker urgent is dead"

    def test_a_wanted_strategy_without_a_supervisor_is_no_wellness(
        self, service: PingFake
    ) -> None:
        beating("beat", "worker")
        Strategy.objects.create(name="ema", status="running")
        found = outside.outside_ping()["found"]
        assert "supervisor is absent" in found
        assert "no supervisor runs" in found

    def test_a_service_that_refuses_or_is_away_is_a_warning_and_no_error(
        self, service: PingFake, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        beating("beat", "worker")
        service.answer = 404
        assert outside.outside_ping()["sent"] == "lost"
        settings.HEARTBEAT_URL = f"http://127.0.0.1:{any_free()}/my-uuid"
        assert outside.outside_ping()["sent"] == "lost"
        assert "my-uuid" not in caplog.text

    def test_it_goes_through_the_proxy_when_there_is_one(
        self, service: PingFake, settings: Settings
    ) -> None:
        beating("beat", "worker")
        with ProxyFake() as proxy:
            settings.HEARTBEAT_PROXY = f"socks5h://127.0.0.1:{proxy.port}"
            assert outside.outside_ping()["sent"] == "ping"
            assert proxy.targets
