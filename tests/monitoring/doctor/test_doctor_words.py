"""What the doctor counts reads well, be it none, one or many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils.translation import override

from btc_watcher.lib.encryption import key_ring
from monitoring.doctor.machine import disks_finding
from monitoring.doctor.redis import policy_finding
from monitoring.doctor.shapes import State
from monitoring.heartbeats.disks import Disk, disks_here, disks_told
from monitoring.heartbeats.store import Identity, beat_write, beats_read
from monitoring.heartbeats.watch import Limits
from monitoring.management.commands.doctor import summary
from proxies.models import Proxy
from proxies.selectors import proxy_identity
from strategies.models import Strategy
from tests.monitoring.beating import aged
from tests.monitoring.doctor.asking import doctor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import Settings

GB = 1024**3


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with override("en"):
        yield


@pytest.mark.parametrize(
    ("well", "warnings", "skipped", "said"),
    [
        (36, 0, 0, "All 36 checks are in order."),
        (1, 0, 0, "1 check is in order."),
        (36, 1, 0, "36 in order, 1 warning."),
        (36, 2, 0, "36 in order, 2 warnings."),
        (0, 1, 0, "0 in order, 1 warning."),
        (30, 1, 1, "30 in order, 1 warning. 1 was not asked."),
        (30, 1, 5, "30 in order, 1 warning. 5 were not asked."),
    ],
)
def test_the_last_line_counts(
    well: int, warnings: int, skipped: int, said: str
) -> None:
    counted = {State.OK: well, State.WARNING: warnings, State.SKIPPED: skipped}
    assert summary(counted | {State.FAILED: 0}) == said


@pytest.mark.parametrize(("evicted", "said"), [(1, "out 1 key "), (7, "out 7 keys ")])
def test_what_redis_has_thrown_out_is_counted(evicted: int, said: str) -> None:
    told: dict[str, Any] = {"policy": "noeviction", "limit": 1, "evicted": evicted}
    assert said in policy_finding(told).words


# -- Secrets ---------------------------------------------------------------------------


def proxy_with_password(name: str) -> None:
    proxy = Proxy.objects.create(name=name, type="http", host="h", port=1)
    proxy.password_encrypted = key_ring().encrypt("word", proxy_identity(proxy.pk))
    proxy.save()


def secrets_said() -> str:
    found, fine = doctor("secrets.keys")
    assert fine
    return str(found["secrets.keys"]["words"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_client")
def test_secrets_are_counted_and_none_is_said_as_none(home: Path) -> None:
    assert secrets_said() == "No secret is stored yet."
    proxy_with_password("Tokyo")
    assert secrets_said() == "1 secret is stored, and it can be read."
    proxy_with_password("Osaka")
    assert secrets_said() == "2 secrets are stored, and all of them can be read."


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_client")
def test_what_strategies_trade_with_is_a_secret_too(
    home: Path, settings: Settings
) -> None:
    strategy = Strategy.objects.create(
        name="ema",
        type=Strategy.Type.TRADE_EXECUTION,
        is_draft=False,
        config={"exchange": "binance"},
    )
    strategy.freqtrade_config = {
        "live": {
            "enabled": True,
            **{
                name: key_ring().encrypt(
                    "word", f"strategies:{strategy.pk}:freqtrade_config.live.{name}"
                )
                for name in ("key", "secret")
            },
        }
    }
    strategy.save()
    assert secrets_said() == "2 secrets are stored, and all of them can be read."
    kept = settings.ENCRYPTION_KEYS
    new = "k9:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    try:
        settings.ENCRYPTION_KEYS = f"{new},{kept}"
        key_ring.cache_clear()
        assert secrets_said() == "2 secrets were encrypted with an older key."
        settings.ENCRYPTION_KEYS = new
        key_ring.cache_clear()
        found, fine = doctor("secrets.keys")
        assert not fine
        assert "strategy ema" in found["secrets.keys"]["words"]
    finally:
        key_ring.cache_clear()


# -- Disks -------------------------------------------------------------------------------


def disk(host: str, free: int, total: int) -> Disk:
    return Disk(host, "/", free * GB, total * GB)


@pytest.mark.parametrize(
    ("disks", "state", "begins"),
    [
        ([disk("here", 50, 100)], State.OK, "50.0 GB"),
        ([disk("here", 4, 100)], State.WARNING, "4.0 GB"),
        # Another machine's is judged as our own, and the worst is told.
        ([disk("here", 50, 100), disk("far", 4, 100)], State.WARNING, "On far: 4.0 GB"),
        ([disk("here", 4, 100), disk("far", 8, 1000)], State.WARNING, "4.0 GB"),
        ([disk("here", 4, 100), disk("far", 0, 100)], State.FAILED, "On far: 0.0 GB"),
        ([disk("here", 9, 10), disk("far", 3, 8)], State.OK, "On far: 3.0 GB"),
    ],
)
def test_the_disk_that_is_worst_off_is_told_with_its_machine(
    disks: list[Disk], state: State, begins: str
) -> None:
    found = disks_finding(disks, here="here")
    assert found.state is state
    assert found.words.startswith(begins)


@pytest.mark.django_db
def test_other_machines_tell_bytes_and_only_living_ones_count() -> None:
    def tell(host: str, name: str, **machine: Any) -> None:
        beat_write(Identity(host, "worker", name, 1, 1.0), {"machine": machine})

    tell("here", "w", disk_free=1, disk_total=2)
    tell("far", "old", disk_free=3 * GB, disk_total=9 * GB)
    aged(20, name="old")
    tell("far", "new", disk_free=2 * GB, disk_total=9 * GB)
    tell("gone", "w", disk_free=1, disk_total=9)
    aged(600, host="gone")
    tell("of-an-earlier-release", "w", disk=97.0)
    tell("strange", "w", disk_free="much", disk_total=0)
    found = disks_told(beats_read(), Limits(), here="here")
    assert found == [Disk("far", "BTCW_HOME", 2 * GB, 9 * GB)]
    assert found[0].percent == 78


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_client")
def test_the_doctor_asks_for_the_disks_of_other_machines(home: Path) -> None:
    figures = {"machine": {"disk_free": 10**6, "disk_total": 10**12}}
    beat_write(Identity("far-away", "worker", "w", 1, 1.0), figures)
    found, fine = doctor("machine.disk")
    assert not fine
    assert found["machine.disk"]["words"].startswith("On far-away: ")


def test_two_folders_of_one_disk_are_one(settings: Settings, tmp_path: Path) -> None:
    settings.BTCW_HOME = tmp_path
    settings.BACKUP_FOLDER = str(tmp_path / "backups")
    (tmp_path / "backups").mkdir()
    (found,) = disks_here()
    assert (found.host, found.path) == (settings.NODE_NAME, str(tmp_path))
    assert 0 < found.free < found.total
