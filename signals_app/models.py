"""Signals: one row per mark on a closed candle."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.columns import ObjectField, listed
from btc_watcher.lib.indexes import NamedIndex
from signals_app.history.models import SavedFilter
from signals_app.outcomes.models import (
    Outcome,
    OutcomeArrival,
    OutcomeDay,
    OutcomeStale,
    OutcomeWork,
    SignalChoice,
)
from signals_app.vocabulary import Level, Priority, SignalType
from strategies.models import Strategy

__all__ = [
    "Level",
    "Outcome",
    "OutcomeArrival",
    "OutcomeDay",
    "OutcomeStale",
    "OutcomeWork",
    "Priority",
    "SavedFilter",
    "Signal",
    "SignalChoice",
    "SignalType",
]


class Signal(models.Model):
    """An entry or exit mark that a strategy set on a closed candle.

    Partitioned by month of ``timestamp``, the close time of the candle. The
    table's primary key is (id, timestamp); the id alone is unique because it
    is made of the timestamp and of what the signal means. ``metadata`` holds
    mark, candle_open, streak, strength_source, source, late and tag.
    """

    id = models.UUIDField(primary_key=True, db_default=RandomUUID(), editable=False)
    timestamp = models.DateTimeField(_("candle close"))
    strategy = models.ForeignKey(
        Strategy,
        on_delete=models.PROTECT,
        related_name="signals",
        null=True,
        db_index=False,
        db_constraint=False,
    )
    strategy_name = models.CharField(_("strategy"), max_length=100)
    strategy_version = models.CharField(_("version"), max_length=20, null=True)
    pair = models.CharField(_("pair"), max_length=20)
    exchange = models.CharField(_("exchange"), max_length=50)
    timeframe = models.CharField(_("timeframe"), max_length=10)
    signal_type = models.CharField(_("type"), max_length=10, choices=SignalType)
    strength_raw = models.DecimalField(_("strength"), max_digits=10, decimal_places=4)
    strength_level = models.CharField(_("level"), max_length=20, choices=Level)
    priority = models.CharField(_("priority"), max_length=5, choices=Priority)
    price = models.DecimalField(_("price"), max_digits=20, decimal_places=8)
    indicators = ObjectField(verbose_name=_("indicators"))
    metadata = ObjectField(verbose_name=_("metadata"))
    notification_sent = models.BooleanField(
        _("notified"), default=False, db_default=False
    )
    notification_channels = ArrayField(
        models.TextField(),
        verbose_name=_("channels"),
        default=list,
        db_default=[],
        blank=True,
    )
    notification_time = models.DateTimeField(_("notified at"), null=True, blank=True)

    class Meta:
        db_table = "signals"
        verbose_name = _("signal")
        verbose_name_plural = _("signals")
        ordering = ["-timestamp", "-id"]
        constraints = [
            listed("signal_type", "BUY SELL HOLD", "signals_signal_type_check"),
            listed(
                "strength_level", "strong medium weak", "signals_strength_level_check"
            ),
            listed("priority", "P0 P1 P2", "signals_priority_check"),
        ]
        indexes = [
            NamedIndex(fields=["timestamp"], name="idx_signals_timestamp"),
            NamedIndex(fields=["strategy"], name="idx_signals_strategy_id"),
            NamedIndex(fields=["pair"], name="idx_signals_pair"),
            NamedIndex(fields=["signal_type"], name="idx_signals_signal_type"),
            NamedIndex(fields=["strength_level"], name="idx_signals_strength_level"),
            NamedIndex(
                fields=["strategy", "pair", "timestamp"], name="idx_signals_composite"
            ),
            NamedIndex(
                fields=["strategy", "-timestamp", "pair"],
                name="idx_signals_query_optimized",
            ),
            # Beyond the specification: what others posted under a name that is no
            # strategy of ours. It costs nothing where a signal has a strategy.
            NamedIndex(
                fields=["strategy_name", "-timestamp"],
                name="idx_signals_nameless",
                condition=models.Q(strategy=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.signal_type} {self.pair} {self.timestamp:%Y-%m-%d %H:%M}"
