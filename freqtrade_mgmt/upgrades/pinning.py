"""Pinning a strategy to one version of freqtrade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.upgrades.asking import UpgradeRefusedError
from strategies.selectors import strategy_by_id
from strategies.services import strategy_update

if TYPE_CHECKING:
    from accounts.models import User
    from strategies.models import Strategy

KEY = "version"


@transaction.atomic
def strategy_pin(
    strategy_id: int, version: str, *, user: User | None = None
) -> Strategy:
    """Keep a strategy on one installed version, whatever is upgraded.

    It makes a version of the strategy, and its bot is started again. Raises
    UpgradeRefusedError, or as ``strategies.services.strategy_update``.
    """
    # Locked, so that it cannot be uninstalled at this moment.
    rows = FreqtradeVersion.objects.select_for_update(no_key=True)
    if rows.filter(version=version, is_installed=True).first() is None:
        raise UpgradeRefusedError(
            _("freqtrade %(version)s is not installed. Install it first.")
            % {"version": version}
        )
    return _set(strategy_id, version, user, f"Pinned to freqtrade {version}.")


@transaction.atomic
def strategy_unpin(strategy_id: int, *, user: User | None = None) -> Strategy:
    """Let a strategy run on the current version again. Raises as ``strategy_pin``."""
    return _set(
        strategy_id, None, user, "Not pinned to a version of freqtrade any more."
    )


def _set(
    strategy_id: int, version: str | None, user: User | None, summary: str
) -> Strategy:
    strategy = strategy_by_id(strategy_id)
    if strategy is None:
        raise UpgradeRefusedError(
            _("There is no strategy with the number %(id)s.") % {"id": strategy_id}
        )
    config = {k: v for k, v in strategy.freqtrade_config.items() if k != KEY}
    if version is not None:
        config[KEY] = version
    if config == strategy.freqtrade_config:
        return strategy
    return strategy_update(
        strategy_id, by=user, summary=summary, freqtrade_config=config
    )
