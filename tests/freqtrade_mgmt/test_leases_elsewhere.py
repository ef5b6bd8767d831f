"""Supervisors as processes: copies of a home, clocks that are set, nodes that cannot."""

from __future__ import annotations

import shutil
import time
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.db import connection

from freqtrade_mgmt.leases.models import LeaseNote, StrategyLease, SupervisorNode
from notifications.models import Alert
from strategies.models import Strategy
from strategies.services import strategy_start
from tests.freqtrade_mgmt.nodes import (
    Node,
    Sampler,
    always,
    bots_of,
    nodes,
    wait,
)
from tests.freqtrade_mgmt.supervising import reason_of, state_of
from tests.freqtrade_mgmt.test_leases_nodes import (
    LEASE,
    both_up,
    guarded,
    on,
    running,
    split,
    wanted,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(400),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


def clock_set(seconds: float) -> None:
    """Move what is stamped, as it looks when the database's clock goes so far ahead."""
    with connection.cursor() as cursor:
        for change in (
            "UPDATE supervisor_nodes SET seen_at = seen_at - %s * interval '1 s'",
            "UPDATE strategy_leases SET expires_at = expires_at - %s * interval '1 s'"
            " WHERE node IS NOT NULL",
        ):
            cursor.execute(change, [seconds])


def copied(node: Node, root: Path) -> Node:
    """Return a node of the same name whose home is a copy of the other one's."""
    shutil.copytree(node.home, root / "copy", dirs_exist_ok=True)
    (root / "copy" / "supervisor.log").unlink()
    return Node(node.name, root, node.lease, folder="copy")


def test_a_copy_of_a_node_runs_nothing_while_the_original_lives(
    tmp_path: Path,
) -> None:
    original = Node("a", tmp_path, LEASE)
    with nodes(original):
        strategies = wanted(2, tmp_path)
        wait(lambda: running(strategies), "running", 60, original)
        before = bots_of(original.home)
        copy = copied(original, tmp_path)
        with nodes(copy), Sampler(original, copy) as sampler:
            wait(lambda: "would run twice" in copy.log(), "the refusal", 40, copy)
            assert "BTCW_NODE" in copy.log()
            time.sleep(1.5 * LEASE)
            assert not bots_of(copy.home)
            assert bots_of(original.home) == before
            assert running(strategies)
            # Said once, not with every look.
            assert copy.log().count("would run twice") == 1

            # The original is started again, which is no reason for the copy to begin.
            seen = SupervisorNode.objects.get(pk="a").started_at
            original.kill()
            original.start()
            wait(
                lambda: SupervisorNode.objects.get(pk="a").started_at > seen,
                "its return",
                60,
                original,
            )
            # In its own place it waits for nobody.
            assert "orderly" not in original.log()
            time.sleep(1.5 * LEASE)
            assert bots_of(original.home) == before

            # Only when it has ended.
            original.end()
            wait(lambda: on(copy, strategies), "the move", 40, copy)
            assert sampler.twice == []


def test_a_copy_goes_on_when_the_original_is_silent_for_good(tmp_path: Path) -> None:
    original = Node("a", tmp_path, LEASE)
    with nodes(original):
        strategies = wanted(1, tmp_path)
        wait(lambda: running(strategies), "running", 60, original)
        copy = copied(original, tmp_path)
        original.end()
        # As after a power cut: nobody said goodbye.
        SupervisorNode.objects.update(stopped_at=None)
        with nodes(copy), Sampler(original, copy) as sampler:
            took = wait(lambda: on(copy, strategies), "the move", 60, copy)
            assert took > LEASE
            assert "would run twice" not in copy.log()
            assert sampler.twice == []


def test_the_database_s_clock_may_be_set_by_an_hour_and_no_bot_moves(
    tmp_path: Path,
) -> None:
    a, b = Node("a", tmp_path, LEASE), Node("b", tmp_path, LEASE)
    with nodes(a, b), Sampler(a, b) as sampler:
        both_up(a, b)
        strategies = wanted(2, tmp_path)
        split(a, b, strategies)
        before = bots_of(a.home), bots_of(b.home)
        for step in (3600, -3600, 90, 3600, 3600, -7200):
            clock_set(step)
            time.sleep(LEASE / 3)
        assert (bots_of(a.home), bots_of(b.home)) == before
        assert running(strategies)
        assert not Alert.objects.filter(key__startswith="node:").exists()

        # A node dies, and the clock goes back: it is taken over all the same.
        a.kill()
        clock_set(-3600)
        wait(lambda: on(b, strategies), "the move", 60, b)
        assert sampler.twice == []


def said() -> str:
    output = StringIO()
    call_command("nodes", stdout=output)
    return output.getvalue()


def test_a_node_that_cannot_start_a_bot_leaves_it_to_another(tmp_path: Path) -> None:
    a = Node("a", tmp_path, LEASE)
    # Room for two; and on the other one nothing can be written.
    b = Node("b", tmp_path, LEASE, BTCW_BOTS_MEMORY_MB="900")
    (a.home / "bots").write_text("no folder")
    with nodes(a, b), Sampler(a, b) as sampler:
        both_up(a, b)
        strategies = wanted(2, tmp_path)
        wait(lambda: running(strategies), "running", 90, a, b)
        assert on(b, strategies)
        note = LeaseNote.objects.filter(node="a").first()
        assert note is not None
        assert "cannot be written" in note.reason
        assert "could not start" in said()

        # One that nobody can run: every node says why, and it is not tried for ever.
        third = always("third")
        strategy_start(third.pk)
        wait(lambda: state_of(third) == "error", "the error", 60, a, b)
        reason = reason_of(third)
        assert reason.startswith("No node can run it. a: ")
        assert "cannot be written" in reason
        assert "b: third was not started" in reason
        lease = StrategyLease.objects.filter(pk=third.pk, node=None)
        wait(lease.exists, "giving it back", 30, a, b)
        assert on(b, strategies)

        # What was in the way is gone, and somebody starts it again.
        (a.home / "bots").unlink()
        strategy_start(third.pk)
        wait(lambda: on(a, [third]), "the third", 60, a, b)
        wait(lambda: running([third]), "running", 30, a, b)
        assert sampler.twice == []
        assert guarded(a)
        assert Strategy.objects.filter(status="running").count() == 3
