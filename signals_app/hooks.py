"""Inbound webhooks: a secret for each strategy, and what a vendor posts as a signal.

Nothing of the secret is stored but a random word beside the strategy: the secret is
made of it with our key, so a new word is a new secret, and none closes the hook.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from btc_watcher.lib.timeframes import bucket_start, candle_seconds, next_start
from strategies.services import health_merge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strategies.models import Strategy

# In health_metrics: the word and the moment at which it was made.
HOOK: Final = "hook"
SIGNATURE: Final = "X-Signature"
SECRET_LENGTH: Final = 48
FILLED: Final = ("exchange", "timeframe")
# A post without a time is about a close that was just now: within this part of a candle,
# and no more than so long, after it. Clocks differ: a little before it counts as well.
NEAR_PART: Final = 0.1
NEAR: Final = timedelta(minutes=5)
EARLY: Final = timedelta(seconds=3)
# Whoever signs may send again after an outage, and nothing older than this.
SIGNED_WINDOW: Final = timedelta(days=1)


def hook_open(strategy: Strategy, *, now: datetime) -> str:
    """Give the strategy a new secret, which ends the one before; return it."""
    values = {"word": secrets.token_hex(16), "at": now.isoformat()}
    health_merge(strategy.pk, {HOOK: values})
    strategy.health_metrics[HOOK] = values
    return hook_secret(strategy)


def hook_close(strategy: Strategy) -> None:
    """Take no more posts for the strategy."""
    health_merge(strategy.pk, {HOOK: None})


def hook_since(strategy: Strategy) -> str | None:
    """Return since when the secret is valid; None when the hook is closed."""
    values = strategy.health_metrics.get(HOOK)
    return str(values["at"]) if isinstance(values, dict) else None


def hook_secret(strategy: Strategy) -> str:
    """Return the secret, "" when the hook is closed."""
    values = strategy.health_metrics.get(HOOK)
    if not isinstance(values, dict):
        return ""
    meant = f"{strategy.pk}:{values['word']}"
    found = salted_hmac("signals_app.hooks", meant, algorithm="sha256").hexdigest()
    return found[:SECRET_LENGTH]


def is_allowed(strategy: Strategy, *, secret: str, signature: str, body: bytes) -> bool:
    """Tell whether a post knows the secret: in its address, or by what it has signed.

    ``signature`` is ``sha256=`` and the HMAC of the body, in hexadecimal.
    """
    known = hook_secret(strategy)
    if not known:
        return False
    if secret:
        return constant_time_compare(secret, known)
    signed = hmac.new(known.encode(), body, hashlib.sha256).hexdigest()
    return constant_time_compare(signature.removeprefix("sha256="), signed)


def hook_signal(
    body: Mapping[str, Any], strategy: Strategy, now: datetime
) -> dict[str, Any]:
    """Return what was posted as a signal of the API.

    What is absent comes from the strategy, and the time from ``hook_moment``. Words in
    any case.
    """
    config = strategy.config
    found = {**{name: config.get(name) for name in FILLED}, **body}
    found["strategy"] = strategy.name
    if isinstance(found.get("type"), str):
        found["type"] = found["type"].strip().upper()
    if not found.get("timestamp"):
        found["timestamp"] = hook_moment(now, str(found.get("timeframe"))).isoformat()
    return {name: value for name, value in found.items() if value is not None}


def hook_moment(now: datetime, timeframe: str) -> datetime:
    """Return which moment a post means that came ``now`` and names none.

    Near the close of a candle it is that close, so that a vendor that posts twice means
    the same signal. In the middle of a candle it is the second in which it came: that it
    knew of no later price is what makes its outcome true.
    """
    if candle_seconds(timeframe) is None:
        return now
    moment = int(now.timestamp() * 1000)
    closed, closes = bucket_start(moment, timeframe), next_start(moment, timeframe)
    part = (closes - closed) * NEAR_PART
    if moment - closed <= min(part, _ms(NEAR)):
        moment = closed
    elif closes - moment <= min(part, _ms(EARLY)):
        moment = closes
    return datetime.fromtimestamp(moment // 1000, UTC)


def signed_problem(moment: datetime, now: datetime) -> str:
    """Return why a signed post about ``moment`` is too old to be taken, or nothing."""
    if now - moment <= SIGNED_WINDOW:
        return ""
    return _(
        "It is more than %(hours)d hours old. Older signals go to /api/v1/signals/, with"
        " a token."
    ) % {"hours": SIGNED_WINDOW / timedelta(hours=1)}


def _ms(length: timedelta) -> float:
    return length.total_seconds() * 1000
