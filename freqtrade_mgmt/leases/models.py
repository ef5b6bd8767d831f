"""The supervisors, and who of them runs what."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from btc_watcher.lib.columns import CreatedField


class SupervisorNode(models.Model):
    """A machine whose supervisor runs bots; all moments are of the database's clock.

    ``home`` names its BTCW_HOME, whatever the machine is called; ``address`` is where
    others reach its bots. ``guards`` says that its bots end when it loses the database.
    ``life`` names the supervisor that speaks for it, ``beat`` its last sign of life: a
    copy of that supervisor, or of its home, knows an older one.
    """

    name = models.CharField(_("name"), max_length=100, primary_key=True)
    home = models.CharField(_("home"), max_length=36)
    address = models.CharField(_("address"), max_length=255, blank=True)
    capacity = models.IntegerField(_("room for bots"))
    draining = models.BooleanField(_("draining"), default=False, db_default=False)
    guards = models.BooleanField(_("guarded"), default=False, db_default=False)
    started_at = CreatedField(verbose_name=_("started"))
    seen_at = CreatedField(verbose_name=_("last seen"))
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)
    life = models.CharField(_("life"), max_length=200, blank=True, db_default="")
    beat = models.CharField(_("beat"), max_length=64, blank=True, db_default="")

    class Meta:
        db_table = "supervisor_nodes"
        verbose_name = _("supervisor node")
        verbose_name_plural = _("supervisor nodes")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["home"], name="supervisor_nodes_home_key")
        ]

    def __str__(self) -> str:
        return self.name


class StrategyLease(models.Model):
    """The right to run a strategy: of one node, until a moment, or of nobody.

    ``term`` grows whenever it is taken. ``guarded``: when it is not renewed, its holder
    ends the bot before others may take it. ``came_from`` is the node that it was taken
    from. The row of number 0 is no strategy: its holder does what is done once for all
    nodes (installations, trials, upgrades).
    """

    strategy_id = models.IntegerField(_("strategy"), primary_key=True)
    node = models.CharField(_("node"), max_length=100, null=True, blank=True)
    term = models.BigIntegerField(_("term"), default=0, db_default=0)
    expires_at = models.DateTimeField(_("until"), null=True, blank=True)
    guarded = models.BooleanField(_("guarded"), default=False, db_default=False)
    came_from = models.CharField(
        _("taken from"), max_length=100, blank=True, db_default=""
    )
    taken_at = models.DateTimeField(_("taken"), null=True, blank=True)

    class Meta:
        db_table = "strategy_leases"
        verbose_name = _("lease of a strategy")
        verbose_name_plural = _("leases of strategies")
        ordering = ["strategy_id"]

    def __str__(self) -> str:
        return f"{self.strategy_id}: {self.node}"


class LeaseNote(models.Model):
    """Why a node gave a strategy back that it could not start, and until when it does
    not try again; by the database's clock. ``failures`` in a row make that longer.
    """

    strategy_id = models.IntegerField(_("strategy"))
    node = models.CharField(_("node"), max_length=100)
    reason = models.TextField(_("reason"))
    failures = models.IntegerField(_("failures"), default=1, db_default=1)
    noted_at = CreatedField(verbose_name=_("noted"))
    until = models.DateTimeField(_("not before"))

    class Meta:
        db_table = "strategy_lease_notes"
        verbose_name = _("note at a lease")
        verbose_name_plural = _("notes at leases")
        ordering = ["node", "strategy_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["strategy_id", "node"], name="strategy_lease_notes_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.strategy_id} not on {self.node}"
