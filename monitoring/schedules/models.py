"""What the intervals of scheduled work were when nobody had changed them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ScheduleSeed(models.Model):
    """The first value of one entry, by which a change of an operator is recognised."""

    name = models.CharField(_("name"), max_length=200, primary_key=True)
    seconds = models.FloatField(_("seconds"))

    class Meta:
        db_table = "schedule_seeds"
        verbose_name = _("first value of a schedule")
        verbose_name_plural = _("first values of schedules")

    def __str__(self) -> str:
        return f"{self.name}: {self.seconds:g} s"
