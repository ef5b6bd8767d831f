"""What a restore ends, and what it leaves to a person: said with names."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as live_settings
from django.contrib.sessions.backends.cached_db import SessionStore
from django.core.cache import caches
from django.db import connection
from django.utils import timezone

from freqtrade_mgmt.leases.managing import node_release
from freqtrade_mgmt.leases.models import StrategyLease, SupervisorNode
from freqtrade_mgmt.leases.restored import (
    HOME_MARK,
    nodes_in_backup,
    nodes_silent,
    own_node_stop,
)
from freqtrade_mgmt.leases.store import Node, NodeNameTakenError, node_register
from monitoring.backups.services import backup_make
from tests.monitoring.asking import person
from tests.monitoring.backups.conftest import as_setting
from tests.monitoring.backups.looking import run
from tests.monitoring.doctor.asking import doctor

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client
    from pytest_django import Settings

    from monitoring.backups.servers import Server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client", "folder"),
]
LONG_AGO = timedelta(hours=20)


@pytest.fixture(autouse=True)
def _home(settings: Settings, tmp_path: Path) -> None:
    settings.BTCW_HOME = tmp_path
    settings.NODE_NAME = "new"
    (tmp_path / "run").mkdir()
    (tmp_path / HOME_MARK).write_text("this-home")


def node(
    name: str,
    *strategies: int,
    home: str = "",
    guarded: bool = False,
    silent: bool = True,
) -> None:
    """Make a machine that holds strategies."""
    seen = timezone.now() - (LONG_AGO if silent else timedelta())
    SupervisorNode.objects.create(
        name=name, home=home or f"home-of-{name}", capacity=9, seen_at=seen
    )
    for key in strategies:
        StrategyLease.objects.create(
            strategy_id=key, node=name, guarded=guarded, expires_at=seen
        )


def test_a_restore_names_the_machines_that_strategies_wait_for(
    server: Server, other: str, settings: Settings
) -> None:
    node("old-machine", 0, 1, 2)
    node("new", 3)
    node("renamed", 4, home="this-home")
    node("guarded", 5, guarded=True)
    backup = backup_make()
    settings.BACKUP_DATABASE = as_setting(server, other)
    told = run("restore", backup.name)
    assert "Strategies (2) belong to the machine old-machine" in told
    assert "manage.py nodes release old-machine --yes-really" in told
    for name in ("new", "renamed", "guarded"):
        assert f"machine {name}" not in told
    # To look at a backup is no business of the machines.
    assert "nodes release" not in run("restore", backup.name, "--into", f"{other}_look")


def test_doctor_says_so_until_the_machine_is_released() -> None:
    node("old-machine", 0, 1, 2)
    node("alive", 3, silent=False)
    StrategyLease.objects.create(strategy_id=7, node="forgotten")
    assert nodes_silent() == {"forgotten": 1, "old-machine": 2}
    found = doctor("work.nodes")[0]["work.nodes"]
    assert found["state"] == "failed"
    assert "old-machine (2)" in found["words"]
    assert "manage.py nodes release old-machine --yes-really" in found["cure"]
    node_release("old-machine")
    node_release("forgotten")
    assert doctor("work.nodes")[1]


def test_a_backup_of_before_there_were_machines_waits_for_none(
    server: Server,
) -> None:
    with server.connect("postgres") as empty:
        assert nodes_in_backup(empty) == {}
        assert not own_node_stop(empty)


def test_the_supervisor_of_this_machine_goes_on_at_once_after_a_restore(
    server: Server, other: str, settings: Settings
) -> None:
    here = Node("new", "this-home", life="before", beats=("1", "2"))
    for each in (here, Node("else", "that-home"), Node("third", "third-home")):
        node_register(each)
    backup = backup_make()
    settings.BACKUP_DATABASE = as_setting(server, other)
    run("restore", backup.name)
    with server.connect(other) as restored:
        rows = restored.execute(
            "SELECT name, stopped_at IS NOT NULL FROM supervisor_nodes ORDER BY name"
        ).fetchall()
    assert rows == [("else", False), ("new", True), ("third", False)]
    # What the supervisor has said since the backup is unknown there, and it registers.
    now = replace(here, life="now", beats=("8", "9"))
    with pytest.raises(NodeNameTakenError):
        node_register(now)
    SupervisorNode.objects.filter(pk="new").update(stopped_at=timezone.now())
    node_register(now)


def test_a_machine_that_has_our_name_alone_is_not_said_to_have_stopped(
    server: Server,
) -> None:
    node("new", home="another-home", silent=False)
    node("else", home="this-home", silent=False)
    database = str(connection.settings_dict["NAME"])
    with server.connect(database) as own:
        assert not own_node_stop(own)
    assert not SupervisorNode.objects.exclude(stopped_at=None).exists()


def test_after_a_restore_everybody_logs_in_again(
    client: Client, server: Server, other: str, settings: Settings
) -> None:
    client.force_login(person("mei"))
    assert client.get("/system/backups/").status_code == 200
    backup = backup_make()
    settings.BACKUP_DATABASE = as_setting(server, other)
    run("restore", backup.name, "--into", f"{other}_look")
    assert _in_cache(client)
    run("restore", backup.name)
    assert not _in_cache(client)


def _in_cache(client: Client) -> bool:
    key = client.cookies[live_settings.SESSION_COOKIE_NAME].value
    return caches["default"].get(f"{SessionStore.cache_key_prefix}{key}") is not None
