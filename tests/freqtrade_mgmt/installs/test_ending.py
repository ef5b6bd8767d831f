"""Installations that end early: cancelled, interrupted, taken over, given up."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion
from freqtrade_mgmt.services import install_cancel, install_request, releases_refresh
from freqtrade_mgmt.supervisor.carrying import (
    MOST_TAKE_OVERS,
    install_carry_out,
    install_next,
    owner_lives,
    owner_new,
)
from freqtrade_mgmt.supervisor.installs import supervisor_lives
from freqtrade_mgmt.versions.journal import operation_take
from freqtrade_mgmt.versions.listing import installs_running
from tests.freqtrade_mgmt.installs.carrying import (
    carried,
    installing,
    left,
    marked,
    steps,
    until,
)
from tests.freqtrade_mgmt.supervising import supervisor_of_its_own

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.freqtrade_mgmt.packages import PackageIndex

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis_client"),
]


def test_a_running_installation_is_cancelled(index: PackageIndex) -> None:
    def told(progress: Mapping[str, Any]) -> None:
        if progress["step"] == "environment":
            index.hold()
            assert install_cancel(installs_running()[0].id) == "in_progress"

    began = time.monotonic()
    row, _ = carried("2026.10", told=told)
    assert (row.status, row.error_message) == ("failed", "It was cancelled.")
    # Well below what pip itself waits for an index that does not answer.
    assert time.monotonic() - began < 60
    assert steps(row)[-1] == "cancelled"
    assert left() == []
    with pytest.raises(ConfigurationError, match="does not run"):
        install_cancel(row.pk)


def test_an_installation_that_has_not_begun_is_cancelled_at_once(
    index: PackageIndex,
) -> None:
    releases_refresh()
    row = install_request("2026.10")
    assert install_cancel(row.pk) == "failed"
    assert not install_carry_out(row.pk, seen=None, stop=lambda: False)
    assert install_next() is None


def test_a_supervisor_that_ends_leaves_it_to_the_next(index: PackageIndex) -> None:
    stops: list[bool] = []

    def told(progress: Mapping[str, Any]) -> None:
        if progress["step"] == "environment":
            index.hold()
            stops.append(True)

    row, _ = carried("2026.10", stop=lambda: bool(stops), told=told)
    assert row.status == "pending"
    assert steps(row)[-1] == "interrupted"
    assert left() == []
    index.release()
    assert install_next() == (row.pk, None)
    assert install_carry_out(row.pk, seen=None, stop=lambda: False)
    row.refresh_from_db()
    assert row.status == "completed"


def test_only_one_carries_an_installation_out(index: PackageIndex) -> None:
    releases_refresh()
    row = install_request("2026.10")
    dead = {**owner_new(), "pid": 2**22 - 1}
    assert operation_take(row.pk, dead, seen=None) is not None
    assert operation_take(row.pk, owner_new(), seen=None) is None
    assert not owner_lives(dead)
    assert not owner_lives({})
    assert owner_lives(owner_new())
    assert install_next() == (row.pk, dead)
    # Process 1 lives, and it is not we.
    first = psutil.Process(1)
    other = {"pid": 1, "create_time": first.create_time()}
    assert operation_take(row.pk, other, seen=dead) is not None
    assert install_next() is None


def test_an_installation_that_kills_whoever_does_it_is_given_up(
    index: PackageIndex,
) -> None:
    releases_refresh()
    row = install_request("2026.10")
    seen = None
    for number in range(MOST_TAKE_OVERS + 1):
        dead = {**owner_new(), "pid": 2**22 - 1 - number}
        assert operation_take(row.pk, dead, seen=seen) is not None
        seen = dead
    assert install_carry_out(row.pk, seen=seen, stop=lambda: False)
    row.refresh_from_db()
    assert row.status == "failed"
    assert "given up" in (row.error_message or "")


@pytest.mark.faults
@pytest.mark.timeout(240)
@pytest.mark.django_db(transaction=True)
def test_a_supervisor_killed_in_the_middle_is_followed_by_one_that_finishes(
    index: PackageIndex, settings: Any
) -> None:
    settings.BTCW_HOME.mkdir()
    releases_refresh()
    index.hold()
    row = install_request("2026.10")

    def state() -> FreqtradeUpgrade:
        row.refresh_from_db()
        return row

    with supervisor_of_its_own(settings) as first:
        until(lambda: "2026.10" in left(), "the environment")
        mark = state().migration_log["owner"]["mark"]
        children = until(lambda: installing(mark), "the tool that installs")
        assert supervisor_lives()
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert state().status == "in_progress"
    assert any(child.is_running() for child in children)
    assert "2026.10" in left()

    index.release()
    with supervisor_of_its_own(settings):
        until(lambda: state().status != "in_progress", "its end", 120)
    assert (row.status, row.error_message) == ("completed", None)
    assert steps(row).count("taken_over") == 1
    assert "clean" in steps(row)
    assert left() == ["2026.10"]
    assert marked(mark) == []
    assert FreqtradeVersion.objects.get(version="2026.10").is_installed
