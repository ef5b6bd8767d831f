"""Which freqtrade is the current one where several were installed before anybody chose."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.selectors import current_version
from freqtrade_mgmt.upgrades.reading import upgrades_listed

keep = import_module("freqtrade_mgmt.migrations.0002_keep_the_running_release").keep

pytestmark = pytest.mark.django_db


def installed(*versions: str) -> None:
    for days, version in enumerate(reversed(versions)):
        FreqtradeVersion.objects.create(
            version=version,
            is_installed=True,
            install_date=timezone.now() - timedelta(days=days),
            install_path=f"/x/{version}",
        )


def test_bots_stay_on_the_newest_release_which_they_ran_on_until_now() -> None:
    installed("2026.8", "2026.10", "2026.9")
    assert current_version() == "2026.8"
    keep(apps, connection.schema_editor())
    assert current_version() == "2026.10"
    assert [each.from_version for each in upgrades_listed()] == ["2026.8"]
    # Once is enough.
    keep(apps, connection.schema_editor())
    assert FreqtradeUpgrade.objects.count() == 1


@pytest.mark.parametrize("versions", [(), ("2026.9",), ("2026.9", "2026.8")])
def test_nothing_is_recorded_where_the_first_is_the_newest(
    versions: tuple[str, ...],
) -> None:
    installed(*versions)
    keep(apps, connection.schema_editor())
    assert not FreqtradeUpgrade.objects.exists()
