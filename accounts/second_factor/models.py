"""The table of second factors."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.columns import CreatedField


class SecondFactor(models.Model):
    """What a person's authenticator app shares with us; it counts once confirmed.

    ``secret`` is encrypted for ``user_second_factors:USER:secret``. ``last_step`` is the
    period of 30 s of the last code that was taken, so that none is taken twice.
    ``recovery_codes`` are SHA-256 of the codes that were not used yet.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="second_factor",
        verbose_name=_("user"),
    )
    secret = models.TextField(_("secret"))
    last_step = models.BigIntegerField(default=0, db_default=0)
    recovery_codes = ArrayField(models.CharField(max_length=64), default=list)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    created_at = CreatedField(verbose_name=_("created"))

    class Meta:
        app_label = "accounts"
        db_table = "user_second_factors"
        verbose_name = _("second factor")
        verbose_name_plural = _("second factors")
        # It is one's own; administrators take it away from the list of users.
        default_permissions = ()

    def __str__(self) -> str:
        return f"second factor of user {self.user_id}"
