"""Which proxies are to be tested."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from btc_watcher.lib.errors import ConfigurationError
from proxies.models import Proxy
from proxies.rules import HealthRules, rules_read

if TYPE_CHECKING:
    from datetime import datetime

logger = logging.getLogger(__name__)


def proxies_enabled() -> list[Proxy]:
    """Return those that are switched on."""
    return list(Proxy.objects.filter(enabled=True))


def proxies_failing(*, now: datetime) -> list[Proxy]:
    """Return those that are switched on, not well, and due to be tried again.

    Not well are the unhealthy ones and those whose last test failed.
    """
    return [
        proxy
        for proxy in proxies_enabled()
        if _is_not_well(proxy) and _is_due(proxy, now)
    ]


def rules_of(proxy: Proxy) -> HealthRules:
    """Return the rules of a proxy; the usual ones where its own cannot be read."""
    try:
        return rules_read(proxy.health_check_config)
    except ConfigurationError as error:
        logger.warning("Proxy %r: %s", proxy.name, error.message)
        return HealthRules()


def _is_not_well(proxy: Proxy) -> bool:
    data: dict[str, Any] = proxy.performance_metrics
    return proxy.status == Proxy.Status.UNHEALTHY or (data.get("streak") or 0) < 0


def _is_due(proxy: Proxy, now: datetime) -> bool:
    # One that lies ahead is of a clock that was set back since.
    if proxy.last_test_time is None or proxy.last_test_time > now:
        return True
    # A round may come a little early, and would otherwise wait for the next one.
    pause = timedelta(minutes=rules_of(proxy).retry_minutes) - timedelta(seconds=30)
    return now >= proxy.last_test_time + pause
