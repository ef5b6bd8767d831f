"""Redis beyond one server: sentinels agree and have a replica; a cluster is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from btc_watcher.lib.errors import ConfigurationError
from monitoring.doctor import cache
from monitoring.doctor.shapes import Facts, Finding, check, failed, ok, warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.doctor.cache import SentinelSeen

# Fewer cannot outvote one that is cut off.
ENOUGH: Final = 3


@check("redis.cluster", gettext_lazy("One Redis, no cluster"), needs="redis.reachable")
def cluster(_facts: Facts) -> Finding:
    """REDIS_URL does not lead to a node of a cluster."""
    try:
        cache.cluster_refused()
    except ConfigurationError:
        return failed(
            _("REDIS_URL leads to a node of a Redis Cluster, which Celery cannot use."),
            _("Use one Redis, or one with sentinels; docs/en/configure.md tells how."),
            "cluster",
        )
    return ok(_("It is no cluster."), 0)


@check("redis.sentinels", gettext_lazy("Sentinels of Redis"))
def sentinels(_facts: Facts) -> Finding:
    """Most of them answer and agree, and somebody could take over."""
    return sentinels_finding(cache.sentinels_seen())


def sentinels_finding(seen: Sequence[SentinelSeen]) -> Finding:
    """Return the finding for what the sentinels say. Pure."""
    if not seen:
        return ok(_("There are none: Redis is one server."), 0)
    told = [each for each in seen if not each.error]
    silent = [f"{each.where} ({each.error})" for each in seen if each.error]
    value = f"{len(told)}/{len(seen)}"
    masters = {each.master for each in told if each.master}
    if len(masters) != 1:
        return failed(
            _("The sentinels name no master, or not the same (%(told)s).")
            % {"told": ", ".join(sorted(masters) or silent) or "-"},
            _(
                "See the logs of the sentinels; the service in REDIS_URL is what they watch."
            ),
            value,
        )
    if silent:
        return warning(
            _("These sentinels do not answer: %(names)s")
            % {"names": ", ".join(silent)},
            _("Start them, or correct REDIS_URL."),
            value,
        )
    return _could_take_over(told, value)


def _could_take_over(told: Sequence[SentinelSeen], value: str) -> Finding:
    replicas = max(each.replicas for each in told)
    facts = {"master": told[0].master, "replicas": replicas, "count": len(told)}
    if not replicas:
        return warning(
            _("The master %(master)s has no replica that could take over.") % facts,
            _("Start a replica of it (replicaof in its configuration)."),
            value,
        )
    if max(each.sentinels for each in told) < ENOUGH:
        return warning(
            _("Fewer than three sentinels cannot decide when one of them is lost."),
            _("Run three, on three machines."),
            value,
        )
    return ok(
        ngettext(
            "%(count)d sentinel names the master %(master)s; %(replicas)d could take over.",
            "%(count)d sentinels name the master %(master)s; %(replicas)d could take over.",
            len(told),
        )
        % facts,
        value,
    )
