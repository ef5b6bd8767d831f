"""Which releases are removed, and which are not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.installer import InstallError, making
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.services import freqtrade_root, uninstall
from freqtrade_mgmt.versions.journal import operation_finish
from freqtrade_mgmt.versions.listing import version_listed
from strategies.services import process_started
from tests.freqtrade_mgmt.installs.carrying import carried, left
from tests.freqtrade_mgmt.supervising import demo

if TYPE_CHECKING:
    from tests.freqtrade_mgmt.packages import PackageIndex

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis_client"),
]


def test_a_release_in_use_is_not_removed_and_its_users_are_named(
    index: PackageIndex,
) -> None:
    for version in ("2026.8", "2026.10"):
        carried(version)
    with pytest.raises(ConfigurationError, match="It is the current version"):
        uninstall("2026.8")
    pinned = demo(0, freqtrade_config={"version": "2026.10"})
    with pytest.raises(ConfigurationError, match=f"pinned by {pinned.name}"):
        uninstall("2026.10")
    type(pinned).objects.filter(pk=pinned.pk).update(freqtrade_config={})
    bot = process_started(pinned.pk, details={"freqtrade_version": "2026.10"})
    with pytest.raises(ConfigurationError, match=f"Bots run on it: {pinned.name}"):
        uninstall("2026.10")
    bot.delete()
    listed = version_listed("2026.8")
    assert listed is not None
    assert [use.name for use in listed.used_by] == [pinned.name]
    assert uninstall("2026.10")
    assert left() == ["2026.8"]
    assert not FreqtradeVersion.objects.get(version="2026.10").is_installed
    assert not uninstall("2026.10")


def test_what_an_upgrade_needs_is_not_removed(index: PackageIndex) -> None:
    for version in ("2026.8", "2026.10"):
        carried(version)
    move = FreqtradeUpgrade.objects.create(
        from_version="2026.8",
        to_version="2026.10",
        upgrade_type="upgrade",
        status="in_progress",
    )
    with pytest.raises(ConfigurationError, match=f"Operation {move.pk} .*under way"):
        uninstall("2026.10")
    operation_finish(move.pk, "completed", "done", {"version": "", "seconds": 0})
    with pytest.raises(ConfigurationError, match="can be rolled back to it until"):
        uninstall("2026.8")
    long_ago = timezone.now() - timedelta(days=8)
    FreqtradeUpgrade.objects.filter(pk=move.pk).update(completed_at=long_ago)
    assert uninstall("2026.8")


def test_nothing_is_removed_while_an_installation_runs(index: PackageIndex) -> None:
    for version in ("2026.8", "2026.10"):
        carried(version)
    root = freqtrade_root()
    with (
        making.installation_lock(root, lambda _line: None),
        pytest.raises(InstallError, match="An installation of freqtrade runs"),
    ):
        uninstall("2026.10")
    assert FreqtradeVersion.objects.get(version="2026.10").is_installed
