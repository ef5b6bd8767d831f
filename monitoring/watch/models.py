"""What the watch has seen of each kind of trouble."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.columns import ObjectField


class WatchState(models.Model):
    """Since when a kind of trouble lasts, or has been over.

    ``told``: an alert is open. ``memory`` is what the next look compares with, such as
    a counter.
    """

    kind = models.CharField(_("kind"), max_length=50, primary_key=True)
    wrong_since = models.DateTimeField(_("wrong since"), null=True, blank=True)
    right_since = models.DateTimeField(_("in order since"), null=True, blank=True)
    told = models.BooleanField(_("told"), default=False, db_default=False)
    memory = ObjectField(verbose_name=_("memory"))

    class Meta:
        db_table = "watch_states"
        verbose_name = _("state of the watch")
        verbose_name_plural = _("states of the watch")
        ordering = ["kind"]

    def __str__(self) -> str:
        return self.kind
