"""A strategy that cannot start here is left to another node, with a note."""

from __future__ import annotations

import asyncio
import errno
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db import connection, connections

from freqtrade_mgmt.here import NotHereError, unwritable
from freqtrade_mgmt.leases.managing import node_release
from freqtrade_mgmt.leases.models import LeaseNote, StrategyLease, SupervisorNode
from freqtrade_mgmt.leases.notes import (
    all_reasons,
    note_write,
    notes_clear,
    notes_end,
    notes_list,
)
from freqtrade_mgmt.leases.store import (
    NodeNameTakenError,
    leases_renew,
    leases_take,
    node_register,
)
from freqtrade_mgmt.supervisor.leasing import Leases
from freqtrade_mgmt.supervisor.local_release import LocalReleases
from freqtrade_mgmt.supervisor.service import Supervisor
from freqtrade_mgmt.supervisor.sharing import AS_ROOT, NOT_HERE
from strategies.models import Strategy, StrategyProcess
from strategies.reason_words import SENTENCES
from strategies.services import strategy_start
from tests.freqtrade_mgmt.nodes import release_fake
from tests.freqtrade_mgmt.supervising import demo, reason_of, state_of
from tests.freqtrade_mgmt.test_leases_store import A, B, silent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await sync_to_async(function)(*arguments)


def left(strategy_id: int, node: str) -> float:
    """Return for how many seconds a node does not try a strategy."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM until - clock_timestamp())"
            " FROM strategy_lease_notes WHERE strategy_id = %s AND node = %s",
            [strategy_id, node],
        )
        ((seconds,),) = cursor.fetchall()
    return float(seconds)


def test_each_failure_in_a_row_makes_the_wait_longer_up_to_a_bound() -> None:
    waits = []
    for _ in range(8):
        note_write(7, "a", "the disk is full")
        waits.append(left(7, "a"))
    assert [round(each) for each in waits] == [60, 120, 240, 480, *[900] * 4]


def test_every_reason_in_force_is_known_and_seen_by_the_others() -> None:
    node_register(A)
    assert note_write(7, "a", "no memory") == {"a": "no memory"}
    assert note_write(7, "b", "no disk") == {"a": "no memory", "b": "no disk"}
    seen = leases_renew(A, {}, guarded=False).picture
    assert seen.notes == {(7, "a"), (7, "b")}
    # When nobody can, nobody waits: whoever starts it again means now.
    notes_end(7)
    assert leases_renew(A, {}, guarded=False).picture.notes == frozenset()
    assert [note.waits for note in notes_list()["a"]] == [False]
    # It runs on one of them.
    notes_clear(7, "b")
    assert not LeaseNote.objects.exists()


def test_a_note_of_a_clock_that_was_ahead_keeps_nobody() -> None:
    note_write(7, "a", "no memory")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE strategy_lease_notes SET until = until + interval '1 month'"
        )
    assert leases_renew(A, {}, guarded=False).picture.notes == frozenset()


def test_notes_are_listed_with_their_node_and_go_with_it() -> None:
    node_register(A)
    strategy = Strategy.objects.create(name="trend")
    note_write(strategy.pk, "a", "no memory")
    output = StringIO()
    call_command("nodes", stdout=output)
    line = output.getvalue().splitlines()[1]
    assert f"could not start trend ({strategy.pk}), not before " in line
    assert line.endswith("UTC: no memory")
    silent(A)
    node_release("a")
    assert not LeaseNote.objects.exists()


def test_a_node_that_starts_again_tries_what_it_could_not_start() -> None:
    node_register(A)
    for node in ("a", "b"):
        note_write(7, node, "the disk is full")
    node_register(A)
    assert leases_renew(A, {}, guarded=False).picture.notes == {(7, "b")}


def test_many_reasons_are_one_sentence_each_and_short() -> None:
    assert all_reasons({"a": "no memory"}) == "no memory"
    told = all_reasons({"a": "x" * 1000, "b": "no disk"})
    assert told.startswith("No node can run it. a: xxx")
    assert told.endswith(" b: no disk")
    assert len(told) < 500
    # Each has a translation, whatever the nodes are called.
    for sentence in (told, NOT_HERE.format(node="a-1", why="x"), AS_ROOT):
        assert any(pattern.match(sentence) for pattern, _words in SENTENCES)


def test_a_full_disk_is_named() -> None:
    full = unwritable(Path("/x"), OSError(errno.ENOSPC, "No space left on device"))
    assert "disk is full at /x" in full.message
    assert "cannot be written" in unwritable(Path("/x"), OSError(13, "no")).message


# -- A supervisor whose machine has no room, and another node -------------------


@pytest.fixture
async def supervisor(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Supervisor]:
    """A supervisor whose loop the test turns, where no bot's folder can be made."""
    settings.BTCW_HOME, settings.NODE_NAME = tmp_path, "small"
    settings.BOTS_MEMORY_MB = 100_000
    (tmp_path / "bots").write_text("no folder")
    made = Supervisor()
    monkeypatch.setattr(made._leases._guard, "start", lambda: True)
    yield made
    await made._leases.close()
    await made._in_thread(connections.close_all)
    made._thread.shutdown()
    made._intake.close()


@pytest.fixture
async def strategy(supervisor: Supervisor, tmp_path: Path) -> Strategy:
    """A strategy that shall run; its release lies here."""
    await sync_to_async(release_fake)(tmp_path / "releases")
    made = await sync_to_async(demo)()
    await sync_to_async(strategy_start)(made.pk)
    return made


def holder(strategy: Strategy) -> str | None:
    return StrategyLease.objects.get(pk=strategy.pk).node


async def test_without_another_node_a_reason_of_this_one_is_an_error(
    supervisor: Supervisor, strategy: Strategy
) -> None:
    await supervisor._tick()
    assert await sync_to_async(state_of)(strategy) == "error"
    assert "cannot be written" in await sync_to_async(reason_of)(strategy)
    assert not await LeaseNote.objects.aexists()


async def test_another_node_takes_it_and_when_that_cannot_either_it_is_an_error(
    supervisor: Supervisor, strategy: Strategy
) -> None:
    # Ours is the emptier one.
    await sync_to_async(node_register)(B)
    await sync_to_async(leases_take)(B, [900, 901], guarded=True)
    await supervisor._tick()
    assert await sync_to_async(state_of)(strategy) == "starting"
    reason = await sync_to_async(reason_of)(strategy)
    assert reason.startswith("Node small cannot run it for now: ")
    assert await sync_to_async(holder)(strategy) is None
    # It is not tried here again, however long nobody takes it.
    for key in supervisor._sharing._unclaimed:
        supervisor._sharing._unclaimed[key] -= 60
    await supervisor._tick()
    assert await sync_to_async(holder)(strategy) is None

    # The other one tries, and gives it back as well; our note is over by then.
    await sync_to_async(note_write)(strategy.pk, "b", "no index")
    await LeaseNote.objects.filter(node="small").aupdate(until="2020-01-01T00:00Z")
    await supervisor._leases.refresh()
    await supervisor._tick()
    assert await sync_to_async(state_of)(strategy) == "error"
    reason = await sync_to_async(reason_of)(strategy)
    assert reason.startswith("No node can run it. b: no index small: ")
    assert "cannot be written" in reason
    # Nobody waits when it is started again.
    await supervisor._leases.refresh()
    assert supervisor._leases.picture.notes == frozenset()


async def test_an_unforeseen_error_of_the_machine_is_one_of_this_node(
    supervisor: Supervisor,
    strategy: Strategy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(*_arguments: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(LocalReleases, "found", broken)
    await sync_to_async(node_register)(B)
    await sync_to_async(leases_take)(B, [900, 901], guarded=True)
    await supervisor._tick()
    assert await sync_to_async(state_of)(strategy) == "starting"
    assert "Cannot allocate memory" in await sync_to_async(reason_of)(strategy)


async def test_bots_are_root_only_where_no_other_node_has_a_user_for_them(
    supervisor: Supervisor, strategy: Strategy
) -> None:
    await sync_to_async(node_register)(B)
    await supervisor._leases.ensure()
    sharing = supervisor._sharing
    await sharing.check_root(strategy.pk)
    row = await StrategyProcess.objects.acreate(
        strategy=strategy,
        status="stopped",
        resource_usage={"node": "b", "own_user": True},
    )
    with pytest.raises(NotHereError) as refused:
        await sharing.check_root(strategy.pk)
    assert refused.value.message == AS_ROOT
    # That one said that it cannot, for another reason: then here, as before.
    await sync_to_async(note_write)(strategy.pk, "b", "no disk")
    await supervisor._leases.refresh()
    await sharing.check_root(strategy.pk)
    # It has run for long.
    await LeaseNote.objects.all().adelete()
    await supervisor._leases.refresh()
    row.start_time -= timedelta(days=30)
    await row.asave()
    with pytest.raises(NotHereError):
        await sharing.check_root(strategy.pk)
    row.stop_time = row.start_time
    await row.asave()
    await sharing.check_root(strategy.pk)
    await row.adelete()


# -- A machine that was copied while it ran --------------------------------------


async def test_of_two_who_know_the_same_the_slower_one_runs_nothing_any_more(
    settings: Any, tmp_path: Path
) -> None:
    settings.BTCW_HOME = tmp_path
    original, copy = (Leases(in_thread, list) for _ in range(2))
    await original.ensure()
    await original.take([7])
    # Everything that is in memory is the same, as in a machine's snapshot.
    for name in ("_node", "_beats", "_good", "_picture", "_seen"):
        setattr(copy, name, getattr(original, name))
    copy._held = dict(original._held)
    assert copy.mine == {7}

    await original.refresh()
    await copy.refresh()
    assert original.mine == {7}
    assert copy.mine == frozenset()
    for _ in range(2):
        with pytest.raises(NodeNameTakenError):
            await copy.ensure()
        await original.refresh()
    assert original.mine == {7}
    # Also not when its supervisor is started again in the same place.
    with pytest.raises(NodeNameTakenError):
        await Leases(in_thread, list).ensure()
    await original.close()
    await copy.ensure()
    assert await copy.take([7]) == {7}
    await copy.close()


async def test_a_supervisor_that_was_killed_goes_on_at_once_in_the_same_place(
    settings: Any, tmp_path: Path
) -> None:
    settings.BTCW_HOME = tmp_path
    first = Leases(in_thread, list)
    await first.ensure()
    await first.take([7])
    await first._connection.close()
    again = Leases(in_thread, list)
    await again.ensure()
    assert again.mine == {7}
    await again.close()
    # Another start of the machine is another place: it may be a copy.
    await SupervisorNode.objects.aupdate(stopped_at=None)
    file = tmp_path / "run" / "node.life"
    text = await asyncio.to_thread(file.read_text)
    await asyncio.to_thread(file.write_text, f"another-{text}")
    later = Leases(in_thread, list)
    with pytest.raises(NodeNameTakenError):
        await later.ensure()
    patience = later.limits.lease + later.limits.margin
    for name, sight in later._strangers._seen.items():
        past = sight.since - patience - 1
        later._strangers._seen[name] = type(sight)(sight.stamp, past)
    await later.ensure()
    await later.close()
