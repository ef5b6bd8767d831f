"""Bots ran on the newest installed release; from now on the last upgrade decides.

Where several are installed, a first upgrade that says so keeps them where they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.db import migrations
from django.utils import timezone

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def keep(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Record that the newest installed release is the current one."""
    upgrades = apps.get_model("freqtrade_mgmt", "FreqtradeUpgrade").objects
    rows = apps.get_model("freqtrade_mgmt", "FreqtradeVersion").objects.filter(
        is_installed=True, install_path__isnull=False, install_date__isnull=False
    )
    installed = list(
        rows.order_by("install_date", "id").values_list("version", flat=True)
    )
    newest = max(installed, key=_order, default=None)
    if newest is None or newest == installed[0]:
        return
    if upgrades.filter(upgrade_type__in=["upgrade", "downgrade"]).exists():
        return
    upgrades.create(
        from_version=installed[0],
        to_version=newest,
        upgrade_type="upgrade",
        status="completed",
        completed_at=timezone.now(),
    )


class Migration(migrations.Migration):
    dependencies = [("freqtrade_mgmt", "0001_initial")]

    operations = [migrations.RunPython(keep, migrations.RunPython.noop)]
