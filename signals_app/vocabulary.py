"""The words that signals are described by, as the database checks them."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

# The greatest strength; the least is 0.
STRONGEST: Final = 100


class SignalType(models.TextChoices):
    """Direction of a signal; HOLD is an entry and an exit on one candle."""

    BUY = "BUY", _("buy")
    SELL = "SELL", _("sell")
    HOLD = "HOLD", _("hold")


class Level(models.TextChoices):
    """Strength in words."""

    STRONG = "strong", _("strong")
    MEDIUM = "medium", _("medium")
    WEAK = "weak", _("weak")


class Priority(models.TextChoices):
    """Urgency; P0 is the highest everywhere."""

    P0 = "P0", "P0"
    P1 = "P1", "P1"
    P2 = "P2", "P2"
