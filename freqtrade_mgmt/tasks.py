"""Celery tasks: each calls one service."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from django.utils import timezone

from freqtrade_mgmt.failover.round import failover_round
from freqtrade_mgmt.health.round import strategy_health_round
from freqtrade_mgmt.outcomes.round import outcomes_round
from freqtrade_mgmt.services import installations_check, releases_refresh

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def strategy_health() -> dict[str, Any]:
    """Look after the health of every wanted strategy; return the figures."""
    figures = strategy_health_round(timezone.now())
    if figures.skipped:
        logger.warning("A health round was left out: the one before it still goes on.")
    return figures.as_dict()


@shared_task(ignore_result=True)
def proxy_failover() -> dict[str, Any]:
    """Decide which way every wanted strategy goes; return the figures."""
    return failover_round(timezone.now()).as_dict()


@shared_task(ignore_result=True)
def refresh_releases() -> dict[str, Any]:
    """Ask the package index for releases of freqtrade; return the figures."""
    lost = installations_check()
    asked = releases_refresh()
    return {
        "found": asked.found,
        "new": asked.new,
        "lost": lost,
        "problem": asked.problem,
    }


@shared_task(ignore_result=True)
def fill_outcomes() -> dict[str, Any]:
    """Fill the outcomes of signals whose next candles have closed; return the figures."""
    return outcomes_round().as_dict()
