"""Signs of life of the system's own processes."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.columns import CreatedField, ObjectField, listed


class Role(models.TextChoices):
    """What a process does."""

    WEB = "web", _("web and API")
    WORKER = "worker", _("worker")
    BEAT = "beat", _("schedule")
    SUPERVISOR = "supervisor", _("supervisor")


class ProcessHeartbeat(models.Model):
    """A process of the system, and when it last said that it is alive.

    ``host`` is the machine (BTCW_NODE), ``name`` tells processes of one role there
    apart. ``figures`` is what it last measured: ``machine`` (of its host) and ``groups``
    (by component), and of a worker the ``queues`` that it reads. ``stopped_at`` is set by a process that ends in an orderly way; all
    moments are of the database's clock.
    """

    id = models.BigAutoField(primary_key=True)
    host = models.CharField(_("host"), max_length=100)
    role = models.CharField(_("role"), max_length=20, choices=Role)
    name = models.CharField(_("name"), max_length=150)
    pid = models.IntegerField(_("process id"))
    create_time = models.FloatField(_("creation time"))
    started_at = CreatedField(verbose_name=_("started"))
    seen_at = CreatedField(verbose_name=_("last seen"))
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)
    figures = ObjectField(verbose_name=_("figures"))

    class Meta:
        db_table = "process_heartbeats"
        verbose_name = _("process")
        verbose_name_plural = _("processes")
        ordering = ["role", "host", "name"]
        constraints = [
            listed(
                "role", "web worker beat supervisor", "process_heartbeats_role_check"
            ),
            models.UniqueConstraint(
                fields=["host", "role", "name"], name="process_heartbeats_one_each"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.name} ({self.host})"
