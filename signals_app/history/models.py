"""Filters of the history that people keep under a name."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.columns import CreatedField, UpdatedField

LONGEST_NAME = 60


class SavedFilter(models.Model):
    """A filter of one person; ``query`` is what stands in its address."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    name = models.CharField(_("name"), max_length=LONGEST_NAME)
    query = models.TextField(_("filter"), blank=True)
    is_default = models.BooleanField(
        _("when the page opens"), default=False, db_default=False
    )
    created_at = CreatedField(verbose_name=_("created"))
    updated_at = UpdatedField(verbose_name=_("updated"))

    class Meta:
        db_table = "signal_filters"
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=("user", "name"), name="signal_filters_key"),
            models.UniqueConstraint(
                fields=("user",),
                condition=models.Q(is_default=True),
                name="signal_filters_one_default",
            ),
        ]

    def __str__(self) -> str:
        return self.name
