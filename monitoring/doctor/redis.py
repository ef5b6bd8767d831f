"""Redis: is it there, new enough, and does it keep what it is given."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from monitoring.database import cache
from monitoring.doctor.shapes import Facts, Finding, check, failed, ok, warning

HERE: Final = "redis.reachable"
OLDEST: Final = 7


@check(HERE, gettext_lazy("Redis answers"))
def reachable(_facts: Facts) -> Finding:
    """Redis or Valkey answers."""
    try:
        state = cache.redis_state()
    except cache.RedisError as error:
        return failed(
            _("Redis does not answer (%(error)s).") % {"error": type(error).__name__},
            _("Start Redis, or correct REDIS_URL; make up starts an own one."),
        )
    told = {"keys": state["keys"]}
    words = ngettext(
        "It answers and holds %(keys)d key.",
        "It answers and holds %(keys)d keys.",
        told["keys"],
    )
    return ok(words % told, state["server"])


@check("redis.version", gettext_lazy("Version of Redis"), needs=HERE)
def version(_facts: Facts) -> Finding:
    """At least 7, or any Valkey."""
    state = cache.redis_state()
    told = f"{str(state['server']).title()} {state['version']}"
    # Valkey says which Redis it is compatible with.
    if int(str(state["redis_version"]).partition(".")[0] or 0) >= OLDEST:
        return ok(_("It is %(version)s.") % {"version": told}, state["version"])
    return failed(
        _("It is %(version)s; at least %(oldest)d is needed.")
        % {"version": told, "oldest": OLDEST},
        _("Install Redis 7 or later, or Valkey."),
        state["version"],
    )


@check("redis.policy", gettext_lazy("What Redis throws out"), needs=HERE)
def policy(_facts: Facts) -> Finding:
    """Queues are never thrown out to make room."""
    return policy_finding(cache.redis_state())


@check("redis.memory", gettext_lazy("Memory of Redis"), needs=HERE)
def memory(_facts: Facts) -> Finding:
    """There is room left."""
    return memory_finding(cache.redis_state())


def policy_finding(state: dict[str, Any]) -> Finding:
    """Return the finding for what Redis says of itself. Pure."""
    name, limit, evicted = str(state["policy"]), state["limit"], state["evicted"]
    cure = _("Set maxmemory-policy to noeviction in redis.conf.")
    if limit and name.startswith("allkeys"):
        return failed(
            _("Redis may throw out queues when it is full (%(policy)s).")
            % {"policy": name},
            cure,
            name,
        )
    if evicted:
        return warning(
            ngettext(
                "Redis has thrown out %(count)d key since it was started.",
                "Redis has thrown out %(count)d keys since it was started.",
                evicted,
            )
            % {"count": evicted},
            _(
                "Give it more memory (maxmemory), or set maxmemory-policy to noeviction."
            ),
            evicted,
        )
    return ok(
        _("Nothing that is needed is thrown out (%(policy)s).") % {"policy": name}, name
    )


def memory_finding(state: dict[str, Any]) -> Finding:
    """Return the finding for what Redis says of itself. Pure."""
    used, limit = state["memory"], state["limit"]
    facts = {"used": f"{used / 2**20:.1f} MB", "limit": f"{limit / 2**20:.0f} MB"}
    if not limit:
        return ok(_("It uses %(used)s, without a limit.") % facts, facts["used"])
    if used > limit * 0.9:
        return failed(
            _("It uses %(used)s of %(limit)s; soon it refuses to write.") % facts,
            _("Raise maxmemory in redis.conf."),
            facts["used"],
        )
    return ok(_("It uses %(used)s of %(limit)s.") % facts, facts["used"])
