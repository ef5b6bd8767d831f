"""Strategies that cannot share a process, and those that spoil it for the others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async

from freqtrade_mgmt.supervisor import hosting_runner, plan
from notifications.models import Alert
from strategies.models import Strategy
from strategies.services import strategy_restart
from tests.freqtrade_mgmt.hosting.world import (
    hosted_again,
    hosted_in,
    none_missing,
    note_of,
    own_now,
    rows_of,
    runners_of,
    signals_of,
    wanted,
)
from tests.freqtrade_mgmt.supervising import reason_of, state_of, supervising, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.django_db(transaction=True),
]


async def two(class_name: str) -> tuple[Strategy, Strategy]:
    """Make one that is well, which runs first, and one of another class."""
    return await sync_to_async(lambda: (wanted("well"), wanted("other", class_name)))()


def alert_open(strategy: Strategy) -> bool:
    key = f"strategy:{strategy.pk}:own_process"
    return Alert.objects.filter(key=key, resolved_at=None).exists()


@pytest.mark.parametrize(
    ("class_name", "code", "told"),
    [
        ("Refused", "needs_bot", False),
        ("Raises", "raised", True),
        ("Glutton", "memory", True),
        ("Hangs", "hung", True),
    ],
)
async def test_one_that_cannot_share_gets_a_process_of_its_own(
    hosting_home: Path, class_name: str, code: str, *, told: bool
) -> None:
    well, other = await two(class_name)

    async with supervising():
        await until(partial(hosted_in, well), "sharing")
        row = await until(partial(own_now, other), "its own process")
        assert row.resource_usage["own"] == code
        await until(partial(signals_of, other), "signals")
        assert await sync_to_async(hosted_in)(well)
        # Let go of alone: nobody else noticed.
        assert len(await sync_to_async(rows_of)(well)) == 1

    note = await sync_to_async(note_of)(other)
    assert note["code"] == code
    assert note["words"]
    first, second = await sync_to_async(rows_of)(other)
    assert first.resource_usage["reason"].startswith("it gets a process of its own: ")
    assert first.resource_usage["runner"] == "simulated-1"
    assert second.pid != first.pid
    assert await sync_to_async(alert_open)(other) is told


async def test_one_that_hangs_and_cannot_be_let_go_of_ends_its_process_for_a_moment(
    hosting_home: Path,
) -> None:
    well, other = await two("Stuck")

    async with supervising():
        await until(partial(signals_of, well), "signals")
        row = await until(partial(own_now, other), "its own process")
        assert row.resource_usage["own"] == "hung"
        await until(partial(hosted_again, well, 2), "the new process")
        assert len(runners_of(hosting_home)) == 1

    first, _second = await sync_to_async(rows_of)(well)
    assert "could not be taken out of it" in first.resource_usage["reason"]
    assert await sync_to_async(none_missing)(well)
    # Once is enough to know who it was: nobody waits, nobody is parted.
    assert len(await sync_to_async(rows_of)(other)) == 2


async def test_one_that_ends_its_process_again_and_again_is_found(
    hosting_home: Path,
) -> None:
    well = await sync_to_async(lambda: [wanted(f"s{n}") for n in range(3)])()
    killer = await sync_to_async(wanted)("killer", "Killer")

    async with supervising():
        row = await until(partial(own_now, killer), "its own process", 120)
        assert row.resource_usage["own"] == "ended"
        for each in well:
            await until(partial(hosted_in, each), "sharing", 60)

    note = await sync_to_async(note_of)(killer)
    assert "signal 9" in note["words"]
    assert await sync_to_async(alert_open)(killer)
    for each in well:
        assert await sync_to_async(note_of)(each) == {}


async def test_it_stays_out_until_it_is_changed_or_restarted_by_hand(
    hosting_home: Path,
) -> None:
    strategy = await sync_to_async(wanted)("raises", "Raises")

    async with supervising():
        await until(partial(own_now, strategy), "its own process")
    async with supervising():
        await until(partial(own_now, strategy), "its own process again")
        starts = len(await sync_to_async(rows_of)(strategy))
        assert starts == 3

        await sync_to_async(strategy_restart)(strategy.pk)
        await until(
            lambda: len(rows_of(strategy)) == starts + 2 and own_now(strategy),
            "a try in a shared process",
        )
        # A new version whose code is well.
        config = strategy.config | {
            "class_name": "Always",
            "code": "class Always: pass",
        }
        await Strategy.objects.filter(pk=strategy.pk).aupdate(
            version="v1.1", config=config
        )
        await until(partial(hosted_in, strategy), "sharing")

    assert not await sync_to_async(note_of)(strategy)
    assert not await sync_to_async(alert_open)(strategy)


async def test_one_that_freqtrade_cannot_load_is_given_up_as_a_bot_is(
    hosting_home: Path,
) -> None:
    well, other = await two("Unloadable")

    async with supervising():
        await until(lambda: state_of(other) == "error", "the error")
        await until(partial(hosted_in, well), "sharing")

    reason = await sync_to_async(reason_of)(other)
    assert "Impossible to load Strategy 'Unloadable'" in reason
    assert await sync_to_async(note_of)(other) == {}


async def test_an_exchange_that_is_away_is_waited_for_as_a_bot_does(
    hosting_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "FIRST_DELAY", 0.5)
    strategy = await sync_to_async(wanted)("away", "Away")

    async with supervising():
        await until(lambda: len(rows_of(strategy)) >= 3, "some tries")
        assert await sync_to_async(state_of)(strategy) == "starting"

    reason = (await sync_to_async(rows_of)(strategy))[0].resource_usage["reason"]
    assert "Could not load markets" in reason


async def test_where_shared_processes_do_not_start_it_is_done_without_them(
    hosting_home: Path, tmp_path: Path
) -> None:
    python = tmp_path / "releases" / "2026.9" / "bin" / "python"
    text = python.read_text().replace("fake_runner.py", "no_such_program.py")
    python.write_text(text)
    strategy = await sync_to_async(wanted)("alone")

    async with supervising():
        row = await until(partial(own_now, strategy), "its own process")

    assert row.resource_usage["own"] == "broken"
    reasons = [
        r.resource_usage["reason"] for r in await sync_to_async(rows_of)(strategy)
    ]
    assert "it ended by itself with code 2" in reasons[0]


async def test_one_that_grows_too_big_for_all_moves_out(
    hosting_home: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = await sync_to_async(wanted)("big")
    async with supervising():
        await until(partial(hosted_in, strategy), "sharing")
        monkeypatch.setattr(hosting_runner, "MEASURE_SECONDS", 0.0)
        monkeypatch.setattr(hosting_runner, "LIST_SECONDS", 0.2)
        settings.RUNNER_MEMORY_MB = 5
        row = await until(partial(own_now, strategy), "its own process")

    assert row.resource_usage["own"] == "memory"
    note = await sync_to_async(note_of)(strategy)
    assert "MB of memory and may hold 5 MB" in note["words"]
