"""What comes between two statements about leases: renewals, lost connections, copies."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection

from freqtrade_mgmt.leases.managing import node_drain, node_release
from freqtrade_mgmt.leases.models import LeaseNote, StrategyLease, SupervisorNode
from freqtrade_mgmt.leases.notes import note_write
from freqtrade_mgmt.leases.store import (
    NodeNameTakenError,
    leases_renew,
    leases_take,
    node_farewell,
    node_register,
)
from freqtrade_mgmt.supervisor import leasing
from freqtrade_mgmt.supervisor.lease_connection import LeaseConnection
from freqtrade_mgmt.supervisor.leasing import Leases
from freqtrade_mgmt.supervisor.local_release import LocalReleases
from tests.freqtrade_mgmt.supervising import reason_of, state_of
from tests.freqtrade_mgmt.test_leases_notes import (
    holder,
    in_thread,
    strategy,
    supervisor,
)
from tests.freqtrade_mgmt.test_leases_store import A, B, silent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from freqtrade_mgmt.supervisor.service import Supervisor
    from strategies.models import Strategy

__all__ = ["strategy", "supervisor"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


def renewals_cut() -> None:
    """End the connections of renewals from outside, as a restart of the server does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'btc_watcher leases'"
            " AND datname = current_database()"
        )


class Overtaken:
    """Runs functions in a thread; before each of ``times`` a renewal comes first."""

    def __init__(self) -> None:
        self.leases = Leases(self, list)
        self.times = 0

    async def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run it."""
        if self.times:
            self.times -= 1
            await self.leases.refresh()
        return await in_thread(function, *arguments)


@pytest.fixture
async def overtaken(settings: Any, tmp_path: Path) -> AsyncIterator[Overtaken]:
    settings.BTCW_HOME, settings.NODE_NAME = tmp_path, "a"
    made = Overtaken()
    await made.leases.ensure()
    yield made
    made.times = 0
    await made.leases.close()


async def test_a_take_that_a_renewal_overtook_is_asked_again(
    overtaken: Overtaken,
) -> None:
    overtaken.times = 1
    assert await overtaken.leases.take([7]) == {7}
    assert overtaken.leases.mine == {7}


async def test_what_was_not_given_back_stays_ours(overtaken: Overtaken) -> None:
    leases = overtaken.leases
    await leases.take([7, 8])
    overtaken.times = 1
    await leases.release({7})
    assert leases.held == {8}
    assert (await StrategyLease.objects.aget(pk=7)).node is None
    # Twice in a row: it is tried again later, and not forgotten.
    overtaken.times = 2
    await leases.release({8})
    assert leases.held == {8}
    assert (await StrategyLease.objects.aget(pk=8)).node == "a"
    await leases.release({8})
    assert leases.held == frozenset()
    assert (await StrategyLease.objects.aget(pk=8)).node is None


async def test_a_standby_without_the_last_renewals_is_no_other_supervisor(
    overtaken: Overtaken,
) -> None:
    leases = overtaken.leases
    await leases.take([7])
    beats = []
    for _ in range(10):
        await leases.refresh()
        beats.append((await SupervisorNode.objects.aget()).beat)
    await SupervisorNode.objects.aupdate(beat=beats[0])
    await leases.refresh()
    assert leases.mine == {7}
    for _ in range(2 * leasing.BEATS_KEPT):
        await leases.refresh()
    assert len(leases._beats) == leasing.BEATS_KEPT + 1


async def test_a_lost_connection_of_renewals_is_the_database_being_away() -> None:
    link = LeaseConnection()

    async def renew() -> bool:
        answer = await link.call(
            lambda run: leases_renew(A, {}, guarded=False, run=run), 5
        )
        return answer.known

    assert not await renew()
    await sync_to_async(renewals_cut)()
    with pytest.raises(OperationalError):
        await renew()
    assert not await renew()
    await link.close()


# -- A copy that waits ------------------------------------------------------------


class Clock:
    """The clock of a supervisor, which a test moves."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Return the moment."""
        return time.monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(leasing, "clock", made)
    return made


async def refused(copy: Leases) -> str:
    with pytest.raises(NodeNameTakenError) as told:
        await copy.ensure()
    return told.value.message


async def test_a_copy_does_not_take_an_outage_for_the_silence_of_the_original(
    overtaken: Overtaken, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "run" / "node.life").unlink()
    copy = Leases(in_thread, list)
    await refused(copy)
    # The database was away for a minute, and the copy is the first to come back.
    clock.ahead = 60
    await refused(copy)
    await refused(copy)
    await overtaken.leases.take([7])
    assert overtaken.leases.mine == {7}


async def test_a_copy_waits_for_whoever_lives_without_a_guard_until_it_is_released(
    overtaken: Overtaken, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "run" / "node.life").unlink()
    copy = Leases(in_thread, list)
    await refused(copy)
    await overtaken.leases.refresh()
    # The original is cut off its database; its bots outlive that.
    told = ""
    for _ in range(30):
        clock.ahead += 2
        told = await refused(copy)
    assert "manage.py nodes release a --yes-really" in told
    await sync_to_async(silent)(A)
    await sync_to_async(node_release)("a")
    await copy.ensure()
    await copy.close()


# -- A supervisor and another node -------------------------------------------------


async def test_a_lost_connection_makes_no_strategy_an_error(
    supervisor: Supervisor, strategy: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_arguments: object) -> None:
        await sync_to_async(renewals_cut)()
        raise OSError("no room")

    monkeypatch.setattr(LocalReleases, "found", broken)
    await sync_to_async(node_register)(B)
    await sync_to_async(leases_take)(B, [900, 901], guarded=True)
    await supervisor._tick()
    assert await sync_to_async(state_of)(strategy) == "starting"
    assert supervisor._leases.mine == {strategy.pk}


@pytest.mark.parametrize("gone", ["lease", "node"])
async def test_what_was_lost_meanwhile_gets_no_note(
    supervisor: Supervisor,
    strategy: Strategy,
    monkeypatch: pytest.MonkeyPatch,
    gone: str,
) -> None:
    async def broken(*_arguments: object) -> None:
        if gone == "lease":
            await StrategyLease.objects.filter(pk=strategy.pk).aupdate(
                node="b", term=99
            )
        else:
            await SupervisorNode.objects.filter(pk="small").aupdate(beat="another")
        raise OSError("no room")

    monkeypatch.setattr(LocalReleases, "found", broken)
    await sync_to_async(node_register)(B)
    await sync_to_async(leases_take)(B, [900, 901], guarded=True)
    await supervisor._tick()
    assert not await LeaseNote.objects.aexists()
    assert "cannot run it" not in await sync_to_async(reason_of)(strategy)


async def test_the_last_living_node_does_not_wait_for_its_own_note(
    supervisor: Supervisor, strategy: Strategy
) -> None:
    await sync_to_async(node_register)(B)
    await sync_to_async(leases_take)(B, [900, 901], guarded=True)
    await supervisor._tick()
    assert await sync_to_async(state_of)(strategy) == "starting"
    assert await LeaseNote.objects.filter(node="small").aexists()
    await sync_to_async(node_farewell)(B)
    await supervisor._leases.refresh()
    await supervisor._tick()
    assert await sync_to_async(state_of)(strategy) == "error"
    assert "cannot be written" in await sync_to_async(reason_of)(strategy)


async def test_what_nobody_else_can_run_comes_back_to_a_node_that_is_emptied(
    supervisor: Supervisor, strategy: Strategy
) -> None:
    await sync_to_async(node_register)(B)
    leases, sharing = supervisor._leases, supervisor._sharing
    await leases.ensure()
    await leases.take([strategy.pk])
    await sync_to_async(node_drain)("small")
    await leases.refresh()
    await sharing._give({strategy.pk}, frozenset())
    assert await sync_to_async(holder)(strategy) is None
    # The other one has it, and gives it back.
    await sharing._empty()
    assert strategy.pk in sharing._leaving
    await sync_to_async(note_write)(strategy.pk, "b", "no disk")
    await leases.refresh()
    await sharing._give({strategy.pk}, frozenset())
    await sharing._take({strategy.pk}, frozenset())
    assert await sync_to_async(holder)(strategy) == "small"
    # And does not leave again at once.
    await sharing._give({strategy.pk}, frozenset())
    assert await sync_to_async(holder)(strategy) == "small"
