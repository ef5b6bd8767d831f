"""Where shared processes do not work: bots instead, and back when they work again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as installed

from freqtrade_mgmt.here import NotHereError
from freqtrade_mgmt.leases.notes import all_reasons
from freqtrade_mgmt.supervisor import hosting, hosting_ends, hosting_fleet
from freqtrade_mgmt.supervisor.hosting_without import WAITS, RoomLaterError
from freqtrade_mgmt.supervisor.limits import BOT_MB, refusal
from notifications.models import Alert
from strategies.models import Strategy, StrategyProcess
from tests.freqtrade_mgmt.hosting.world import (
    hosted_in,
    none_missing,
    note_of,
    own_now,
    rows_of,
    runners_of,
    signals_of,
    wanted,
)
from tests.freqtrade_mgmt.supervising import (
    reason_of,
    state_of,
    supervising,
    supervisor_of_its_own,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def interpreter(hosting_home: Path, tmp_path: Path, settings: Any) -> Path:
    """The release's interpreter, of a machine with memory enough for many bots."""
    settings.BOTS_MEMORY_MB = 1_000_000
    return tmp_path / "releases" / "2026.9" / "bin" / "python"


def breaks(interpreter: Path) -> str:
    """Have no shared process come up from now on; return how to mend that."""
    text = interpreter.read_text()
    interpreter.write_text(text.replace("fake_runner.py", "no_such_program.py"))
    return text


def mended(interpreter: Path, whole: str) -> None:
    interpreter.write_text(whole)


async def many(count: int, class_name: str = "Always") -> list[Strategy]:
    return await sync_to_async(
        lambda: [wanted(f"s{number}", class_name) for number in range(count)]
    )()


def alerts_open() -> list[str]:
    """Return the open alerts about shared processes, of strategies and of all."""
    rows = Alert.objects.filter(resolved_at=None)
    keys = rows.values_list("key", flat=True)
    return [key for key in keys if key.endswith((":shared", ":own_process"))]


def bots_since_trouble() -> list[StrategyProcess]:
    rows = StrategyProcess.objects.filter(resource_usage__own="broken")
    return list(rows.order_by("start_time"))


async def test_bots_for_want_of_shared_processes_start_one_at_a_time(
    interpreter: Path,
) -> None:
    breaks(interpreter)
    strategies = await many(12)

    async with supervising():
        for each in strategies:
            await until(partial(own_now, each), "its own process", 120)
        assert await sync_to_async(alerts_open)() == [
            f"process:{installed.NODE_NAME}:shared"
        ]

    starts = [row.start_time for row in await sync_to_async(bots_since_trouble)()]
    assert len(starts) == len(strategies)
    # The supervisor's beat is a second, of which it takes the work away.
    assert (starts[-1] - starts[0]).total_seconds() > 0.8 * (len(starts) - 1)


async def test_they_share_again_when_shared_processes_work_and_lose_no_candle(
    interpreter: Path, hosting_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting_ends, "WITHOUT_SECONDS", 15.0)
    whole = breaks(interpreter)
    strategies = await many(3)

    async with supervising():
        for each in strategies:
            await until(partial(own_now, each), "its own process", 60)
        mended(interpreter, whole)
        for each in strategies:
            await until(partial(hosted_in, each), "sharing", 60)
        assert len(runners_of(hosting_home)) == 1
        await until(lambda: not alerts_open(), "the end of the alert")
        for each in strategies:
            await until(partial(signals_of, each), "signals")

    for each in strategies:
        rows = await sync_to_async(rows_of)(each)
        assert [row.resource_usage.get("own") for row in rows].count("broken") == 1
        assert rows[-2].resource_usage["reason"] == "it is restarted"
        assert await sync_to_async(none_missing)(each)


async def test_bots_that_outlived_their_supervisor_share_again_too(
    interpreter: Path, settings: Any
) -> None:
    whole = breaks(interpreter)
    (strategy,) = await many(1)
    with supervisor_of_its_own(settings):
        row = await until(partial(own_now, strategy), "its own process", 60)
        assert row.resource_usage["own"] == "broken"
    mended(interpreter, whole)

    async with supervising():
        await until(partial(hosted_in, strategy), "sharing", 60)
        await until(lambda: not alerts_open(), "the end of the alert")

    assert len({row.pid for row in await sync_to_async(rows_of)(strategy)}) >= 2


async def test_strategies_that_all_end_their_process_are_one_trouble_not_many(
    interpreter: Path, caplog: pytest.LogCaptureFixture
) -> None:
    strategies = await many(8, "Killer")

    async with supervising():
        for each in strategies:
            await until(partial(own_now, each), "its own process", 120)
        assert await sync_to_async(alerts_open)() == [
            f"process:{installed.NODE_NAME}:shared"
        ]

    for each in strategies:
        assert await sync_to_async(note_of)(each) == {}
    rows = await sync_to_async(bots_since_trouble)()
    assert len(rows) == len(strategies)


async def test_no_second_process_is_started_while_one_has_not_come_up(
    interpreter: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    # A place for one in each: all want a process at once.
    settings.RUNNER_ANALYSES = 1
    breaks(interpreter)
    strategies = await many(6)

    async with supervising():
        for each in strategies:
            await until(partial(own_now, each), "its own process", 120)

    started = [m for m in caplog.messages if m.startswith("Shared process simulated-")]
    assert sum(" starts (pid" in message for message in started) == 3


def waits(strategy: Strategy) -> bool:
    """Tell whether a strategy is told to wait for room, and was not given up."""
    return state_of(strategy) == "starting" and "waits for room" in reason_of(strategy)


def how_many_have_bots(strategies: list[Strategy]) -> int:
    return sum(own_now(each) is not None for each in strategies)


async def test_who_has_no_room_for_a_bot_waits_and_all_share_when_that_works_again(
    interpreter: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "ROOM_SECONDS", 1.0)
    # A new process counts in full until it holds half of that, as the fakes never do.
    settings.BOTS_MEMORY_MB = 2 * BOT_MB + 20
    whole = breaks(interpreter)
    strategies = await many(4)

    async with supervising():
        await until(lambda: how_many_have_bots(strategies) == 2, "two bots", 60)
        await until(lambda: sum(map(waits, strategies)) == 2, "waiting for room", 60)
        mended(interpreter, whole)
        for asked in ("works", "all_work"):
            monkeypatch.setattr(hosting_ends.Ends, asked, lambda *_all: True)
        # One of the bots gives way to a process, on a node that has no room for that.
        for each in strategies:
            await until(partial(hosted_in, each), "sharing", 90)
        await until(lambda: not alerts_open(), "the end of the alert")

    # Nobody was given up, nor told so.
    keys = await sync_to_async(lambda: {alert.key for alert in Alert.objects.all()})()
    assert keys == {f"process:{installed.NODE_NAME}:shared"}


async def test_one_that_gave_its_bot_up_gets_it_back_where_no_process_can_be_started(
    interpreter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(interpreter)
    (strategy,) = await many(1)

    def full(*_arguments: object) -> None:
        raise NotHereError("The disk is full.")

    async with supervising():
        row = await until(partial(own_now, strategy), "its own process", 60)
        monkeypatch.setattr(hosting_fleet, "runner_folder_write", full)
        monkeypatch.setattr(hosting_ends.Ends, "works", lambda *_all: True)
        await until(
            lambda: (now := own_now(strategy)) is not None and now.pk != row.pk,
            "its next bot",
            60,
        )
        assert await sync_to_async(alerts_open)() == [
            f"process:{installed.NODE_NAME}:shared"
        ]


def test_that_one_waits_on_a_node_is_known_on_the_others_however_long_its_name() -> (
    None
):
    why = refusal("n" * 250, [BOT_MB] * 12, 4_200)
    noted = {"a": str(RoomLaterError(why)), "b": why}
    assert WAITS in all_reasons(noted)
    assert WAITS not in all_reasons({"b": why})
