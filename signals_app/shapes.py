"""How a stored signal is shown: one shape for pages, feed and API. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from signals_app.rows import moment_text, price_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signals_app.models import Signal

# What a page says about a signal's notifications, worst news first.
STATES = ("failed", "retry", "pending", "sent")


def signal_shape(signal: Signal) -> dict[str, Any]:
    """Return a signal as the API gives it: the feed's shape and what was delivered."""
    sent_at = signal.notification_time
    return {
        "id": str(signal.pk),
        "timestamp": moment_text(signal.timestamp),
        "strategy_id": signal.strategy_id,
        "strategy_name": signal.strategy_name,
        "strategy_version": signal.strategy_version,
        "pair": signal.pair,
        "exchange": signal.exchange,
        "timeframe": signal.timeframe,
        "signal_type": signal.signal_type,
        "strength_raw": float(signal.strength_raw),
        "strength_level": signal.strength_level,
        "priority": signal.priority,
        "price": price_text(float(signal.price)),
        "indicators": signal.indicators,
        "metadata": signal.metadata,
        "notification_sent": signal.notification_sent,
        "notification_channels": signal.notification_channels,
        "notification_time": moment_text(sent_at) if sent_at else None,
    }


def notice_shape(
    metadata: dict[str, Any], deliveries: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Return what a page says about a signal's notifications.

    ``deliveries`` are pairs of channel and status. ``state`` is quiet (nobody is
    told; ``reason`` says why), none (no channel wants it), or the status that
    most needs attention.
    """
    if quiet := metadata.get("quiet"):
        return {"state": "quiet", "reason": quiet, "channels": []}
    statuses = {status for _, status in deliveries}
    state = next((state for state in STATES if state in statuses), "none")
    channels = sorted({channel for channel, _ in deliveries if channel})
    return {"state": state, "channels": channels}
