"""Shared processes whose list was lost: nobody runs twice, nobody for ever."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async

from tests.freqtrade_mgmt.hosting.world import (
    hosted_again,
    hosted_in,
    runners_of,
    signals_of,
    wanted,
)
from tests.freqtrade_mgmt.supervising import supervising, supervisor_of_its_own, until
from tests.local.helpers import is_gone

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.django_db(transaction=True),
]


@pytest.mark.parametrize("text", [None, "[{", '["simulated-1"]'])
async def test_one_that_is_on_no_list_is_ended_before_its_strategies_start_again(
    hosting_home: Path, settings: Any, text: str | None
) -> None:
    strategies = await sync_to_async(lambda: [wanted("s0"), wanted("s1")])()
    with supervisor_of_its_own(settings):
        for each in strategies:
            await until(partial(hosted_in, each), "sharing")
            await until(partial(signals_of, each), "signals")
    (left,) = runners_of(hosting_home)
    path = hosting_home / "run" / "runners.json"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)

    async with supervising():
        for each in strategies:
            await until(partial(hosted_again, each, 2), "sharing again")
        assert is_gone(left.pid)
        assert len(runners_of(hosting_home)) == 1
