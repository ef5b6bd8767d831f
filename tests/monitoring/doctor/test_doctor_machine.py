"""Secrets, backups and the machine, as the doctor sees them."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.utils import timezone

from btc_watcher.lib.encryption import key_ring
from monitoring.doctor.machine import disk_finding, memory_finding
from proxies.models import Proxy
from proxies.selectors import proxy_identity
from tests.monitoring.doctor.asking import doctor, state

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]
GB = 1024**3
OTHER_KEY = "k9:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


# -- Secrets, backups, machine -------------------------------------------------------


def test_secrets_that_others_can_read_fail_and_the_cure_mends_it(home: Path) -> None:
    assert state("secrets.files") == "ok"
    loose = home / "secrets" / "BTCW_SECRET_KEY"
    loose.chmod(0o644)
    found, fine = doctor("secrets.files")
    assert not fine
    assert str(loose) in found["secrets.files"]["cure"]
    loose.chmod(0o600)
    assert state("secrets.files") == "ok"


def test_secrets_that_no_key_opens_fail_and_name_their_rows(
    home: Path, settings: Settings
) -> None:
    proxy = Proxy.objects.create(name="Tokyo", type="http", host="h", port=1)
    proxy.password_encrypted = key_ring().encrypt("word", proxy_identity(proxy.pk))
    proxy.save()
    assert state("secrets.keys") == "ok"
    kept = settings.ENCRYPTION_KEYS
    try:
        settings.ENCRYPTION_KEYS = OTHER_KEY
        key_ring.cache_clear()
        found, fine = doctor("secrets.keys")
        assert not fine
        assert "Tokyo" in found["secrets.keys"]["words"]
        settings.ENCRYPTION_KEYS = f"{OTHER_KEY},{kept}"
        key_ring.cache_clear()
        assert state("secrets.keys") == "warning"
    finally:
        key_ring.cache_clear()


def test_a_copy_of_the_keys_is_noted_until_the_keys_change(
    home: Path, settings: Settings
) -> None:
    assert state("secrets.copies") == "warning"
    call_command("doctor", "secrets.copies", "--keys-saved", stdout=StringIO())
    assert state("secrets.copies") == "ok"
    settings.ENCRYPTION_KEYS = OTHER_KEY
    key_ring.cache_clear()
    try:
        assert state("secrets.copies") == "warning"
    finally:
        key_ring.cache_clear()


def test_debug_pages_fail(settings: Settings) -> None:
    assert state("secrets.debug") == "ok"
    settings.DEBUG = True
    assert state("secrets.debug") == "failed"


def test_without_a_backup_it_warns_and_a_failed_one_fails(home: Path) -> None:
    assert state("backups.age") == "warning"
    folder = home.parent / "backups"
    folder.mkdir()
    started = timezone.now().isoformat()
    note = json.dumps({"started": started, "error": "No room."})
    (folder / "20261122T010203Z.failed.json").write_text(note)
    found, fine = doctor("backups")
    assert not fine
    assert "No room." in found["backups.age"]["words"]


@pytest.mark.parametrize(
    ("free", "total", "wanted"),
    [
        (50 * GB, 100 * GB, "ok"),
        (4 * GB, 8 * GB, "ok"),
        (4 * GB, 100 * GB, "warning"),
        (GB // 2, 100 * GB, "failed"),
        (GB // 10, GB, "failed"),
    ],
)
def test_room_on_the_disk(free: int, total: int, wanted: str) -> None:
    assert disk_finding(free, total).state == wanted


@pytest.mark.parametrize(
    ("free", "wanted"), [(50, "ok"), (8, "warning"), (3, "failed")]
)
def test_room_in_memory(free: int, wanted: str) -> None:
    assert memory_finding(free * GB, 100 * GB).state == wanted


def test_a_check_that_breaks_is_a_failure_and_not_the_end(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("my-secret")

    monkeypatch.setattr("monitoring.doctor.machine.psutil.virtual_memory", broken)
    found, fine = doctor("machine")
    assert not fine
    assert found["machine.memory"]["state"] == "failed"
    assert found["machine.disk"]["state"] in {"ok", "warning"}
    assert "my-secret" not in json.dumps(found)
