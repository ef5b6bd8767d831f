"""What the API of signals answers, described for its schema."""

from __future__ import annotations

from typing import Final

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from btc_watcher.lib.api.answers import (
    anything,
    flag,
    many,
    moment,
    one,
    real,
    shape,
    text,
    whole,
)
from signals_app.outcomes.answers import CHOICE, OUTCOME

_FIELDS: Final = {
    "id": serializers.UUIDField(
        help_text="Made of what it means; see the architecture."
    ),
    "timestamp": moment("When the candle closed."),
    "strategy_id": whole("Null for a signal that others posted.", null=True),
    "strategy_name": text(),
    "strategy_version": text(null=True),
    "pair": text("Such as BTC/USDT."),
    "exchange": text(),
    "timeframe": text("Such as 5m."),
    "signal_type": text("BUY, SELL or HOLD."),
    "strength_raw": real("0 to 100."),
    "strength_level": text("strong, medium or weak."),
    "priority": text("P0 (the most urgent) to P2."),
    "price": text("A decimal number as text.", null=True),
    "indicators": anything("Columns of the candle and their values."),
    "metadata": anything("Mark, streak, whether it was late, and where it came from."),
    "notification_sent": flag(),
    "notification_channels": serializers.JSONField(help_text="Who was told."),
    "notification_time": moment("When the first was told.", null=True),
}
SIGNAL = shape("Signal", "A signal.", _FIELDS)
NOTICE = shape(
    "SignalNotice",
    "What became of the signal for one channel.",
    {
        "channel": text("Null when the channel is gone.", null=True),
        "type": text(),
        "status": text("pending, sent, failed or retry."),
        "time": moment(),
        "retries": whole(),
        "error": text(null=True),
    },
)
SIGNAL_DETAIL = shape(
    "SignalDetail",
    "A signal and whom it was told.",
    {
        **_FIELDS,
        "notifications": many(NOTICE),
        "outcome": one(OUTCOME, "Null for a HOLD, which has no direction.", null=True),
        "choice": one(CHOICE, "Null when you have said nothing of it.", null=True),
    },
)
RECORDED = shape(
    "RecordedSignal",
    "What became of a posted signal.",
    {
        "index": whole("Its place in what was posted, from 0."),
        "status": text("created, duplicate or refused."),
        "id": serializers.UUIDField(required=False),
        "detail": serializers.CharField(
            required=False, help_text="Why it was refused."
        ),
    },
)
RECORDED_MANY = shape(
    "RecordedSignals",
    "What became of each of a list of posted signals.",
    {
        "created": whole(),
        "duplicate": whole(),
        "refused": whole(),
        "results": many(RECORDED),
    },
)
RECORDED_ANY: Final = PolymorphicProxySerializer(
    "Recorded", [RECORDED, RECORDED_MANY], resource_type_field_name=None
)
