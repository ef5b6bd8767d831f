"""Loads every strategy that would move in the new version's environment."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import Error as DatabaseError

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.supervisor import upgrade_report
from freqtrade_mgmt.supervisor.trial_process import trial_run
from freqtrade_mgmt.supervisor.trial_records import Order, order_of
from freqtrade_mgmt.supervisor.trials import bot_user
from freqtrade_mgmt.trial.verdict import Outcome, failed, verdict
from freqtrade_mgmt.trial.words import StrategyCodeError
from strategies.models import Strategy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    InThread = Callable[..., Awaitable[Any]]

logger = logging.getLogger(__name__)

AT_ONCE: Final = 2
# Nobody waits for this one, and a busy machine must not condemn a release.
SECONDS: Final = 60.0


async def check(upgrade_id: int, version: str, in_thread: InThread) -> None:
    """Try all, store the report, and judge it. Raises DatabaseError."""
    strategies = await in_thread(upgrade_report.check_begin, upgrade_id)
    room = asyncio.Semaphore(AT_ONCE)

    async def one(strategy_id: int) -> None:
        async with room:
            outcome = await _tried(strategy_id, version, in_thread)
            report = _report(outcome)
            await in_thread(upgrade_report.check_note, upgrade_id, strategy_id, report)

    async with asyncio.TaskGroup() as group:
        for each in strategies:
            if not each.skip:
                group.create_task(one(each.strategy_id))
    await in_thread(upgrade_report.check_end, upgrade_id)


async def _tried(strategy_id: int, version: str, in_thread: InThread) -> Outcome:
    try:
        order = await in_thread(_order, strategy_id, version)
        run_as = await asyncio.to_thread(bot_user, order.program.python)
        root = settings.BTCW_HOME / "trials"
        ended = await trial_run(
            order.program, root=root, run_as=run_as, seconds=SECONDS
        )
    except StrategyCodeError as error:
        return Outcome(passed=False, reason=error.sentence)
    except BtcWatcherError as error:
        return failed("setting", problem=error.message)
    except DatabaseError:
        raise
    except Exception as error:
        # Whatever is wrong with one of them must not hide the report on the others.
        logger.exception("Strategy %s could not be tried.", strategy_id)
        return failed("ours", problem=f"{type(error).__name__}: {error}")
    return verdict(ended, replace(order.tried, seconds=round(SECONDS)))


def _order(strategy_id: int, version: str) -> Order:
    return order_of(Strategy.objects.get(pk=strategy_id), wanted=version)


def _report(outcome: Outcome) -> dict[str, Any]:
    """Return what is stored of a trial: codes for pages, English for logs."""
    return {
        "state": "loads" if outcome.passed else "fails",
        "reason": outcome.reason.stored() if outcome.reason else None,
        "reason_text": outcome.reason.english() if outcome.reason else "",
        "warnings": [each.stored() for each in outcome.warnings],
        "warning_texts": [each.english() for each in outcome.warnings],
    }
