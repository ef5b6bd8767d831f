"""Tables of the ledger: outcomes, what is still open, sums by day, people's choices."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from btc_watcher.lib.columns import CreatedField, UpdatedField, listed
from btc_watcher.lib.indexes import NamedIndex
from signals_app.vocabulary import Level, SignalType


class OutcomeState(models.TextChoices):
    """How far an outcome is known; all but ``open`` are final."""

    OPEN = "open", _("in progress")
    COMPLETE = "complete", _("complete")
    GAPS = "gaps", _("with gaps")
    UNKNOWN = "unknown", _("unknown")


class Choice(models.TextChoices):
    """What somebody did with a signal."""

    TAKEN = "taken", pgettext_lazy("signal", "taken")
    SKIPPED = "skipped", pgettext_lazy("signal", "skipped")


def _percent(words: Any) -> Any:
    return models.FloatField(words, null=True, blank=True)


def _missing() -> Any:
    return models.SmallIntegerField(_("missing candles"), null=True, blank=True)


class SignalCopy(models.Model):
    """What the ledger needs of a signal, so that nothing of it is looked up again.

    ``id`` is the signal's. ``price`` is exact, where the signal's own is rounded.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    timestamp = models.DateTimeField(_("candle close"))
    strategy_id = models.IntegerField(_("strategy's number"), null=True, blank=True)
    strategy_name = models.CharField(_("strategy"), max_length=100)
    exchange = models.CharField(_("exchange"), max_length=50)
    pair = models.CharField(_("pair"), max_length=20)
    timeframe = models.CharField(_("timeframe"), max_length=10)
    signal_type = models.CharField(_("type"), max_length=10, choices=SignalType)
    strength_level = models.CharField(_("level"), max_length=20, choices=Level)
    is_exit = models.BooleanField(_("exit"), default=False, db_default=False)
    price = models.FloatField(_("price"))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.signal_type} {self.pair} {self.timestamp:%Y-%m-%d %H:%M}"


class Outcome(SignalCopy):
    """What the price did after a signal.

    Per horizon (1, 4, 24 candles): the close, the move up to it, the best and the worst
    move in between, in percent in the direction of the signal, and how many candles of
    the way are missing. ``missing`` is null while the horizon is not known; a horizon
    whose own candle is missing has no price. Partitioned like the signals.
    """

    state = models.CharField(_("state"), max_length=10, choices=OutcomeState)
    reason = models.CharField(_("reason"), max_length=20, blank=True, default="")
    price_1 = _percent(_("price after 1"))
    move_1 = _percent(_("move after 1 (%)"))
    best_1 = _percent(_("best within 1 (%)"))
    worst_1 = _percent(_("worst within 1 (%)"))
    missing_1 = _missing()
    price_4 = _percent(_("price after 4"))
    move_4 = _percent(_("move after 4 (%)"))
    best_4 = _percent(_("best within 4 (%)"))
    worst_4 = _percent(_("worst within 4 (%)"))
    missing_4 = _missing()
    price_24 = _percent(_("price after 24"))
    move_24 = _percent(_("move after 24 (%)"))
    best_24 = _percent(_("best within 24 (%)"))
    worst_24 = _percent(_("worst within 24 (%)"))
    missing_24 = _missing()
    updated_at = UpdatedField(verbose_name=_("updated"))

    class Meta:
        db_table = "signal_outcomes"
        verbose_name = _("outcome")
        verbose_name_plural = _("outcomes")
        ordering = ["-timestamp", "-id"]
        constraints = [
            listed("state", "open complete gaps unknown", "signal_outcomes_state_check")
        ]
        indexes = [
            NamedIndex(fields=["timestamp"], name="idx_signal_outcomes_timestamp"),
            NamedIndex(
                fields=["strategy_id", "timestamp"],
                name="idx_signal_outcomes_strategy",
            ),
            NamedIndex(
                fields=["strategy_name", "timestamp"],
                name="idx_signal_outcomes_nameless",
                condition=models.Q(strategy_id=None),
            ),
        ]


class OutcomeArrival(models.Model):
    """Signals that one intake has stored and that the ledger has not opened yet.

    One row for all of them, in their transaction: thousands of signals of a candle
    close cost the intake no more than this. The row goes when their work is there.
    """

    id = models.BigAutoField(primary_key=True)
    ids = ArrayField(models.UUIDField())

    class Meta:
        db_table = "outcome_arrivals"

    def __str__(self) -> str:
        return f"{len(self.ids)} signals"


class OutcomeWork(SignalCopy):
    """A signal whose outcome is not final: the row goes when it is.

    ``due_at`` is when to look again; ``claim`` names who looks now, until ``due_at``.
    ``known`` is the longest horizon that is known so far.
    """

    due_at = models.DateTimeField(_("due"))
    claim = models.UUIDField(_("claim"), null=True, blank=True)
    tries = models.SmallIntegerField(_("tries in vain"), default=0, db_default=0)
    reason = models.CharField(_("reason"), max_length=20, default="", db_default="")
    known = models.SmallIntegerField(_("candles known"), default=0, db_default=0)

    class Meta:
        db_table = "outcome_work"
        verbose_name = _("open outcome")
        verbose_name_plural = _("open outcomes")
        ordering = ["due_at"]
        indexes = [NamedIndex(fields=["due_at"], name="idx_outcome_work_due")]


class OutcomeDay(models.Model):
    """Sums over the outcomes of one UTC day; they are made anew from the rows.

    ``strategy_id`` is 0 for signals that others posted, which have a name alone.
    ``spread`` holds how the moves are spread: see ``outcomes.spread``.
    """

    day = models.DateField(_("day"))
    strategy_id = models.IntegerField(_("strategy's number"))
    strategy_name = models.CharField(_("strategy"), max_length=100, blank=True)
    signal_type = models.CharField(_("type"), max_length=10, choices=SignalType)
    strength_level = models.CharField(_("level"), max_length=20, choices=Level)
    is_exit = models.BooleanField(_("exit"))
    signals = models.IntegerField(_("signals"))
    unknown = models.IntegerField(_("unknown"))
    count_1 = models.IntegerField()
    right_1 = models.IntegerField()
    sum_1 = models.FloatField()
    spread_1 = models.DecimalField(max_digits=1000, decimal_places=0)
    count_4 = models.IntegerField()
    right_4 = models.IntegerField()
    sum_4 = models.FloatField()
    spread_4 = models.DecimalField(max_digits=1000, decimal_places=0)
    count_24 = models.IntegerField()
    right_24 = models.IntegerField()
    sum_24 = models.FloatField()
    spread_24 = models.DecimalField(max_digits=1000, decimal_places=0)

    class Meta:
        db_table = "outcome_days"
        verbose_name = _("outcomes of a day")
        verbose_name_plural = _("outcomes by day")
        ordering = ["-day", "strategy_id"]
        constraints = [
            models.UniqueConstraint(
                fields=(
                    *("day", "strategy_id", "strategy_name"),
                    *("strength_level", "signal_type", "is_exit"),
                ),
                name="outcome_days_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.strategy_name or self.strategy_id}"


class OutcomeStale(models.Model):
    """A day of a strategy whose sums do not know its newest outcomes yet."""

    day = models.DateField()
    strategy_id = models.IntegerField()
    strategy_name = models.CharField(max_length=100, blank=True)

    class Meta:
        db_table = "outcome_days_stale"
        constraints = [
            models.UniqueConstraint(
                fields=("day", "strategy_id", "strategy_name"),
                name="outcome_days_stale_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.strategy_name or self.strategy_id}"


class SignalChoice(models.Model):
    """What one person did with a signal; ``timestamp`` is the signal's."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    signal_id = models.UUIDField(_("signal"))
    timestamp = models.DateTimeField(_("candle close"))
    choice = models.CharField(_("choice"), max_length=10, choices=Choice)
    note = models.CharField(_("note"), max_length=500, blank=True, default="")
    created_at = CreatedField(verbose_name=_("created"))
    updated_at = UpdatedField(verbose_name=_("updated"))

    class Meta:
        db_table = "signal_choices"
        verbose_name = _("taken or skipped signal")
        verbose_name_plural = _("taken or skipped signals")
        ordering = ["-timestamp", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=("user", "signal_id"), name="signal_choices_key"
            ),
            listed("choice", "taken skipped", "signal_choices_choice_check"),
        ]
        indexes = [
            NamedIndex(fields=["user", "-timestamp"], name="idx_signal_choices_user")
        ]

    def __str__(self) -> str:
        return f"{self.choice} {self.signal_id}"
