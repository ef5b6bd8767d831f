"""``manage.py freqtrade list|install|uninstall``."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command

from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.services import freqtrade_root
from freqtrade_mgmt.supervisor.installs import supervisor_lives
from tests.freqtrade_mgmt.installs.carrying import WAY, carried, steps, until
from tests.freqtrade_mgmt.supervising import supervisor_of_its_own

if TYPE_CHECKING:
    from tests.freqtrade_mgmt.packages import PackageIndex

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis_client"),
]


def test_the_commands_list_install_and_remove(
    index: PackageIndex, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("freqtrade", "install", "2026.8")
    output = capsys.readouterr().out
    assert "Installing freqtrade 2026.8 with uv." in output
    ready = f"freqtrade 2026.8 is ready in {freqtrade_root()}/2026.8."
    assert output.rstrip().endswith(ready)

    call_command("freqtrade", "install", "--json")
    assert json.loads(capsys.readouterr().out) == {
        "version": "2026.10",
        "path": str(freqtrade_root() / "2026.10"),
    }
    call_command("freqtrade", "install")
    assert "freqtrade 2026.10 is already installed." in capsys.readouterr().out

    call_command("freqtrade", "list", "--json")
    listed = json.loads(capsys.readouterr().out)
    assert [each["version"] for each in listed] == ["2026.10", "2026.8"]
    assert listed[1]["current"] is True
    call_command("freqtrade", "list", "--refresh")
    table = capsys.readouterr().out
    assert "2026.8   2026-09-30  stable  current, installed (0 MB)" in table
    assert "The package index told this on" in table

    call_command("freqtrade", "uninstall", "2026.10")
    assert capsys.readouterr().out == "freqtrade 2026.10 was removed.\n"
    with pytest.raises(CommandError, match="It is the current version"):
        call_command("freqtrade", "uninstall", "2026.8")


def test_a_command_tells_an_error_as_a_sentence(index: PackageIndex) -> None:
    with pytest.raises(CommandError, match="'newest' is not a version"):
        call_command("freqtrade", "install", "newest")
    with pytest.raises(CommandError, match=r"There is no proxy 'x'\. Known are: none"):
        call_command("freqtrade", "install", "--proxy", "x")
    with pytest.raises(CommandError, match="is not among the known releases"):
        call_command("freqtrade", "install", "1999.1")


def test_without_an_index_the_newest_installed_one_is_used_and_said(
    index: PackageIndex, capsys: pytest.CaptureFixture[str]
) -> None:
    index.fail(500)
    with pytest.raises(CommandError, match="could not be looked up"):
        call_command("freqtrade", "install")
    index.mend()
    carried("2026.8")
    index.fail(500)
    capsys.readouterr()
    call_command("freqtrade", "install")
    assert "using freqtrade 2026.8, which is installed" in capsys.readouterr().out


@pytest.mark.faults
@pytest.mark.timeout(240)
@pytest.mark.django_db(transaction=True)
def test_with_a_supervisor_the_command_follows_it(
    index: PackageIndex, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.BTCW_HOME.mkdir()
    with supervisor_of_its_own(settings) as supervisor:
        until(supervisor_lives, "the supervisor")
        call_command("freqtrade", "install", "2026.10")
        assert supervisor.poll() is None
    output = capsys.readouterr().out
    assert "The installation was asked for." in output
    assert "Installing freqtrade" not in output
    [row] = FreqtradeUpgrade.objects.all()
    assert (row.status, steps(row)) == ("completed", WAY)
    assert os.getpid() != supervisor.pid
