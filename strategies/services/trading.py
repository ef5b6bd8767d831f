"""Trading for real: off unless an operator has confirmed it for one strategy."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from btc_watcher.lib.encryption import key_ring
from strategies.errors import RefusedError
from strategies.models import Strategy
from strategies.services.storing import (
    audit,
    list_changed,
    strategy_locked,
    version_move,
    version_store,
)

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)

# The exchange's name that stands for our own simulated one.
SIMULATED: Final = "simulated"
SECRETS: Final = ("key", "secret")
SAVED: Final = ("freqtrade_config", "version", "updated_at")
LONGEST_SECRET: Final = 4096


@sensitive_variables("api_key", "api_secret", "given")
@transaction.atomic
def live_enable(
    strategy_id: int, *, by: User, typed_name: str, api_key: str, api_secret: str
) -> Strategy:
    """Let a strategy trade for real, as a new version with an audit record.

    Whether ``by`` may do so is the caller's question (strategies.trade_live). Raises
    StrategyMissingError, or RefusedError with a sentence for each thing in the way.
    """
    strategy = strategy_locked(strategy_id)
    given = {"key": api_key.strip(), "secret": api_secret.strip()}
    if problems := _problems(strategy, typed_name, given):
        raise RefusedError(problems)
    again = is_live(strategy)
    strategy.freqtrade_config["live"] = {
        "enabled": True,
        "by": by.username,
        "at": timezone.now().isoformat(timespec="seconds"),
        **{
            name: key_ring().encrypt(value, _identity(strategy, name))
            for name, value in given.items()
        },
    }
    said = (
        "The keys for trading for real on %(exchange)s were replaced."
        if again
        else "Trading for real was turned on for %(exchange)s."
    ) % {"exchange": strategy.config.get("exchange")}
    return _saved(strategy, by, said)


@transaction.atomic
def live_disable(strategy_id: int, *, by: User) -> Strategy:
    """Return a strategy to paper trading and forget its keys.

    Raises StrategyMissingError, or RefusedError when it does not trade for real.
    """
    strategy = strategy_locked(strategy_id)
    if "live" not in strategy.freqtrade_config:
        raise RefusedError(
            [_("Strategy '%(name)s' does not trade for real.") % {"name": strategy}]
        )
    del strategy.freqtrade_config["live"]
    return _saved(strategy, by, "Trading for real was turned off.")


def is_live(strategy: Strategy) -> bool:
    """Tell whether a strategy may trade for real."""
    live = strategy.freqtrade_config.get("live")
    return (
        not strategy.is_draft
        and strategy.type == Strategy.Type.TRADE_EXECUTION
        and strategy.config.get("exchange") != SIMULATED
        and isinstance(live, dict)
        and live.get("enabled") is True
    )


@sensitive_variables()
def live_credentials(strategy: Strategy) -> tuple[str, str] | None:
    """Return key and secret of a strategy that trades for real, otherwise None.

    Raises EncryptionError when they cannot be decrypted; treat that as a refusal to
    start, never as paper trading in silence.
    """
    if not is_live(strategy):
        return None
    live = strategy.freqtrade_config["live"]
    key, secret = (
        key_ring().decrypt(str(live.get(name, "")), _identity(strategy, name))
        for name in SECRETS
    )
    return key, secret


def _identity(strategy: Strategy, name: str) -> str:
    return f"strategies:{strategy.pk}:freqtrade_config.live.{name}"


@sensitive_variables("given")
def _problems(strategy: Strategy, typed_name: str, given: dict[str, str]) -> list[str]:
    facts: dict[str, Any] = {"name": strategy.name}
    problems = []
    if strategy.type != Strategy.Type.TRADE_EXECUTION:
        problems.append(
            _("Strategy '%(name)s' only gives signals; change its type first.") % facts
        )
    if strategy.config.get("exchange") == SIMULATED:
        problems.append(
            _("The simulated exchange takes no real orders; choose another first.")
        )
    if typed_name != strategy.name:
        problems.append(_("The typed name is not '%(name)s'; type it exactly.") % facts)
    for name, value in given.items():
        if not value or len(value) > LONGEST_SECRET or not value.isprintable():
            problems.append(
                _("The exchange's API %(part)s is missing or damaged; paste it again.")
                % {"part": name}
            )
    return problems


def _saved(strategy: Strategy, by: User, said: str) -> Strategy:
    version_move(strategy)
    version_store(strategy, by=by, summary=said)
    strategy.save(update_fields=SAVED)
    audit(strategy, by.pk, said)
    logger.warning("Strategy %s: %s By %s.", strategy.name, said, by.username)
    list_changed()
    return strategy
