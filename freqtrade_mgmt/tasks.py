"""Celery tasks: each calls one service."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from django.utils import timezone

from freqtrade_mgmt.health.round import strategy_health_round

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def strategy_health() -> dict[str, Any]:
    """Look after the health of every wanted strategy; return the figures."""
    figures = strategy_health_round(timezone.now())
    if figures.skipped:
        logger.warning("A health round was left out: the one before it still goes on.")
    return figures.as_dict()
