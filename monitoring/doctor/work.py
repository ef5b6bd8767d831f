"""What the system is there for: notifications, bots, proxies, channels."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from freqtrade_mgmt.installer import freqtrade_installed
from freqtrade_mgmt.models import FreqtradeVersion
from freqtrade_mgmt.selectors import versions_wanted
from freqtrade_mgmt.services import freqtrade_root
from monitoring.database.outbox import outbox_waiting
from monitoring.doctor.shapes import Facts, Finding, check, failed, ok, warning
from monitoring.errors.selectors import errors_open_count
from monitoring.selectors import HEARTBEAT_AGE
from notifications.models import NotificationChannel
from proxies.models import Proxy
from strategies.models import Status
from strategies.selectors import processes_open, strategies_all, strategies_wanted

NEEDS: Final = "database.migrations"
LATE, TOO_LATE = 60.0, 300.0
NAMED: Final = 10


@check("work.notifications", gettext_lazy("Oldest due notification"), needs=NEEDS)
def notifications(facts: Facts) -> Finding:
    """Nothing that is due waits for long."""
    found = outbox_waiting(facts.now)
    words = ngettext(
        "%(count)d is due, the oldest for %(seconds)d s.",
        "%(count)d are due, the oldest for %(seconds)d s.",
        found.due,
    ) % {"count": found.due, "seconds": round(found.seconds)}
    cure = _("See that a worker lives; the history of notifications says what waits.")
    value = f"{found.seconds:.0f} s"
    if found.seconds > TOO_LATE:
        return failed(words, cure, value)
    if found.seconds > LATE:
        return warning(words, cure, value)
    return ok(_("None waits for long."), value)


@check("work.channels", gettext_lazy("Channels"), needs=NEEDS)
def channels(_facts: Facts) -> Finding:
    """Somebody is told, and no channel was switched off because it cannot work."""
    every = list(NotificationChannel.objects.all())
    on = [each for each in every if each.enabled]
    off = [
        each.name
        for each in every
        if not each.enabled and each.status == NotificationChannel.Status.ERROR
    ]
    if off:
        return warning(
            _("Switched off because they cannot work: %(names)s")
            % {"names": _names(off)},
            _("Open the channel: it says why. Mend it and switch it on again."),
            len(off),
        )
    if not on:
        return warning(
            _("No channel is on, so nobody is told of anything."),
            _("Make a channel on the page Notifications, and test it there."),
            0,
        )
    words = ngettext("%(count)d is on.", "%(count)d are on.", len(on))
    return ok(words % {"count": len(on)}, len(on))


@check("work.proxies", gettext_lazy("Proxies"), needs=NEEDS)
def proxies(_facts: Facts) -> Finding:
    """Those that are switched on work."""
    on = Proxy.objects.filter(enabled=True)
    out = sorted(
        on.filter(status=Proxy.Status.UNHEALTHY).values_list("name", flat=True)
    )
    if out:
        return warning(
            _("Out: %(names)s") % {"names": _names(out)},
            _("The page of the proxy says what failed; mend it or switch it off."),
            len(out),
        )
    if not (count := on.count()):
        return ok(_("None is in use."), 0)
    return ok(_("In use: %(count)d; none is out.") % {"count": count}, 0)


@check("work.bots", gettext_lazy("Bots"), needs=NEEDS)
def bots(facts: Facts) -> Finding:
    """Every strategy that should run has a bot that lives."""
    wanted = dict(strategies_wanted().values_list("id", "name"))
    seen = processes_open().filter(last_heartbeat__gt=facts.now - HEARTBEAT_AGE)
    alive = set(seen.values_list("strategy_id", flat=True))
    dead = sorted(name for key, name in wanted.items() if key not in alive)
    broken = sorted(
        strategies_all().filter(status=Status.ERROR).values_list("name", flat=True)
    )
    if dead:
        return failed(
            _("Should run and give no sign of life: %(names)s")
            % {"names": _names(dead)},
            _(
                "See that the supervisor lives, then read the log on the strategy's page."
            ),
            len(dead),
        )
    if broken:
        return warning(
            _("Stopped with an error: %(names)s") % {"names": _names(broken)},
            _("The strategy's page says why; mend it and start it again."),
            len(broken),
        )
    if not wanted:
        return ok(_("None should run."), 0)
    words = ngettext(
        "%(count)d should run, and it lives.",
        "%(count)d should run, and all of them live.",
        len(wanted),
    )
    return ok(words % {"count": len(wanted)}, len(wanted))


@check("work.freqtrade", gettext_lazy("Environments of freqtrade"), needs=NEEDS)
def environments(_facts: Facts) -> Finding:
    """What is recorded as installed is on the disk, and every strategy has its version."""
    whole = {each.version for each in freqtrade_installed(freqtrade_root())}
    recorded = set(
        FreqtradeVersion.objects.filter(is_installed=True).values_list(
            "version", flat=True
        )
    )
    keys = list(strategies_wanted().values_list("id", flat=True))
    needed = set(versions_wanted(keys).values())
    if lost := sorted((recorded | needed) - whole):
        return failed(
            _("Not whole on the disk: %(names)s") % {"names": _names(lost)},
            _("Install it again with manage.py freqtrade install VERSION."),
            len(lost),
        )
    if not whole:
        return warning(
            _("No freqtrade is installed."),
            _("Install one with manage.py freqtrade install."),
            0,
        )
    return ok(_("Whole: %(names)s.") % {"names": _names(sorted(whole))}, len(whole))


@check("work.errors", gettext_lazy("Errors of the last day"), needs=NEEDS)
def errors(facts: Facts) -> Finding:
    """What went wrong was looked at."""
    counted = errors_open_count(since=facts.now - timedelta(days=1))
    serious = counted.get("ERROR", 0) + counted.get("CRITICAL", 0)
    if serious:
        return warning(
            ngettext(
                "%(count)d kind of error is not resolved.",
                "%(count)d kinds of errors are not resolved.",
                serious,
            )
            % {"count": serious},
            _("Look at them in the admin under Errors, and resolve what is done."),
            serious,
        )
    return ok(_("None that is not resolved."), 0)


def _names(names: list[str]) -> str:
    more = f" … (+{len(names) - NAMED})" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
