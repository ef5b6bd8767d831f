"""Which version is current, and which upgrades are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from freqtrade_mgmt import selectors
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.upgrades.asking import (
    UpgradeRefusedError,
    check_request,
    rollback_request,
    upgrade_cancel,
    upgrade_request,
)
from freqtrade_mgmt.upgrades.pinning import strategy_pin, strategy_unpin
from tests.freqtrade_mgmt.upgrading import NEW, OLD, running
from tests.strategies.pages import made

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


# -- Which version is current ----------------------------------------------


def test_installing_a_newer_release_moves_nothing() -> None:
    assert selectors.current_version() == OLD
    version, python = selectors.environment_python(None)
    assert version == OLD
    assert python.parts[-3:] == (OLD, "bin", "python")


def test_without_any_installed_version_there_is_no_current_one() -> None:
    FreqtradeVersion.objects.all().delete()
    assert selectors.current_version() is None
    (strategy,) = running("a")
    assert selectors.versions_wanted([strategy.pk]) == {}


def test_the_last_operation_that_ended_decides() -> None:
    def ended(status: str, hour: int, **log: Any) -> FreqtradeUpgrade:
        return FreqtradeUpgrade.objects.create(
            from_version="2026.1",
            to_version="2026.8",
            upgrade_type="upgrade",
            status=status,
            completed_at=f"2026-11-23T{hour:02}:00:00Z",
            migration_log=log,
        )

    ended("completed", 1)
    assert selectors.current_version() == "2026.8"
    ended("completed", 9, only_check=True)
    ended("rolled_back", 2)
    assert selectors.current_version() == "2026.1"
    first = ended("completed", 3)
    ended("failed", 4)
    assert selectors.current_version() == "2026.1"
    first.completed_at = "2026-11-23T05:00:00Z"
    first.save()
    assert selectors.current_version() == "2026.8"


def test_a_pin_is_stronger_than_the_current_version() -> None:
    pinned, free = running("pinned", "free")
    strategy_pin(pinned.pk, NEW)
    wanted = selectors.versions_wanted([pinned.pk, free.pk])
    assert wanted == {pinned.pk: NEW, free.pk: OLD}
    strategy_unpin(pinned.pk)
    assert selectors.versions_wanted([pinned.pk]) == {pinned.pk: OLD}


def test_a_pin_to_what_is_not_installed_is_refused() -> None:
    (strategy,) = running("a")
    with pytest.raises(UpgradeRefusedError, match=r"2025\.1 is not installed"):
        strategy_pin(strategy.pk, "2025.1")


# -- Refusals ---------------------------------------------------------------


def test_what_cannot_be_begun_is_refused_with_the_reason() -> None:
    strategy = made("stopped")
    with pytest.raises(UpgradeRefusedError, match="not installed"):
        upgrade_request("2026.1")
    with pytest.raises(UpgradeRefusedError, match="current version already"):
        upgrade_request(OLD)
    with pytest.raises(UpgradeRefusedError, match="cannot go first"):
        upgrade_request(NEW, canary=strategy.pk)
    with pytest.raises(UpgradeRefusedError, match="no strategy with the number"):
        upgrade_request(NEW, canary=4711)
    with pytest.raises(UpgradeRefusedError, match="seconds"):
        upgrade_request(NEW, watch_seconds=-1)
    row = upgrade_request(NEW)
    with pytest.raises(UpgradeRefusedError, match=f"Operation {row.pk}"):
        check_request(NEW)
    upgrade_cancel(row.pk)
    with pytest.raises(UpgradeRefusedError, match="ended already"):
        upgrade_cancel(row.pk)
    with pytest.raises(UpgradeRefusedError, match="nothing to go back from"):
        rollback_request(row.pk)
    path = FreqtradeVersion.objects.get(version=NEW).install_path
    Path(f"{path}/bin/python").unlink()
    with pytest.raises(UpgradeRefusedError, match="has gone"):
        upgrade_request(NEW)


def test_to_an_older_version_it_is_a_downgrade() -> None:
    FreqtradeVersion.objects.filter(version=OLD).update(install_date=None)
    assert selectors.current_version() == NEW
    assert upgrade_request(OLD).upgrade_type == "downgrade"
