"""The replica of the database: it follows the primary closely enough to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib import replica
from btc_watcher.lib.replica_probe import Reason
from monitoring.doctor.shapes import Facts, Finding, check, failed, ok, warning

if TYPE_CHECKING:
    from btc_watcher.lib.replica_probe import Standing

NEEDS: Final = "database.reachable"


@check("database.replica", gettext_lazy("Replica for reading"), needs=NEEDS)
def standing(_facts: Facts) -> Finding:
    """It is read, or there is none."""
    return standing_finding(replica.standing(), settings.DATABASE_REPLICA_MAX_LAG)


def standing_finding(found: Standing | None, most: float) -> Finding:
    """Return the finding for how the replica stands; ``most`` is in seconds. Pure."""
    if found is None:
        return ok(_("There is none: everything is read from the primary."), "-")
    lag = "-" if found.lag is None else f"{found.lag:.1f} s"
    if found.reason is Reason.NEAR:
        return ok(_("It is read; it is %(lag)s behind at most.") % {"lag": lag}, lag)
    if found.reason is Reason.BEHIND:
        return warning(
            _("It is not read: it is behind by %(lag)s, more than %(most)s s.")
            % {"lag": lag, "most": f"{most:g}"},
            _(
                "See pg_stat_replication on the primary and the replica's log; raise"
                " BTCW_REPLICA_MAX_LAG if that is usual."
            ),
            lag,
        )
    if found.reason is Reason.AWAY:
        return warning(
            _("It does not answer; everything is read from the primary."),
            _("Start it, or correct DATABASE_REPLICA_URL."),
            found.reason,
        )
    return _wrong(found.reason)


def _wrong(reason: Reason) -> Finding:
    words = (
        _("DATABASE_REPLICA_URL leads to a primary: it is no longer a replica.")
        if reason is Reason.PROMOTED
        else _(
            "DATABASE_REPLICA_URL leads to another database than the primary's copy."
        )
    )
    cure = _(
        "Make it anew from the primary with pg_basebackup, or correct the addresses."
    )
    return failed(words, cure, reason)
