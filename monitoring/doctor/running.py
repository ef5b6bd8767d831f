"""Asks every check; none of them can keep the others from being asked."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from django.db import Error as DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.errors import BtcWatcherError
from btc_watcher.lib.redaction import own_redactor
from monitoring.database.cache import RedisError
from monitoring.doctor import (
    access,
    backups,
    database,
    machine,
    nodes,
    processes,
    redis,
    redis_service,
    replica,
    secrets,
    work,
)
from monitoring.doctor.shapes import (
    CHECKS,
    GROUPS,
    Check,
    Facts,
    Finding,
    Result,
    State,
    failed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Importing a module puts its checks into the registry.
MODULES = (
    *(database, access, replica, redis, redis_service),
    *(processes, work, nodes, secrets, backups, machine),
)


def doctor_run(names: Sequence[str] = ()) -> Iterator[Result]:
    """Yield the result of every check, or of those named, as soon as it is there."""
    done: dict[str, State] = {}

    @cache
    def has_database() -> bool:
        known = done.get(database.HERE)
        if known is None:
            known = _ask(CHECKS[database.HERE], facts).state
        return known is State.OK

    facts = Facts(timezone.now(), has_database)
    for check in _wanted(names):
        if check.needs and done.get(check.needs, State.FAILED) is not State.OK:
            finding = Finding(
                State.SKIPPED,
                _("Not asked, because “%(title)s” has failed.")
                % {"title": CHECKS[check.needs].title},
            )
        else:
            finding = _ask(check, facts)
        done[check.name] = finding.state
        yield Result(check, finding)


def _wanted(names: Sequence[str]) -> list[Check]:
    """Return the checks whose name or group is wanted, and those that they need first."""
    groups = list(GROUPS)
    modules = [module.__name__ for module in MODULES]

    def place(check: Check) -> tuple[int, int]:
        module = check.question.__module__
        return groups.index(check.group), modules.index(module)

    every = sorted(CHECKS.values(), key=place)
    if not names:
        return every
    wanted = {
        name for name, check in CHECKS.items() if name in names or check.group in names
    }
    waiting = list(wanted)
    while waiting:
        needs = CHECKS[waiting.pop()].needs
        if needs and needs not in wanted:
            wanted.add(needs)
            waiting.append(needs)
    return [check for check in every if check.name in wanted]


def _ask(check: Check, facts: Facts) -> Finding:
    try:
        return check.question(facts)
    except BtcWatcherError as error:
        return failed(
            own_redactor()(error.message), _("Follow what the sentence says.")
        )
    except (DatabaseError, RedisError, OSError) as error:
        # Its text may hold addresses and values.
        return failed(
            _("This could not be found out (%(error)s).")
            % {"error": type(error).__name__},
            _("Look at the other findings first, then run manage.py doctor again."),
        )
    # The report must be whole, whatever one check runs into.
    except Exception as error:  # noqa: BLE001
        return failed(
            _("The check itself broke (%(error)s).") % {"error": type(error).__name__},
            _("Report this with the version of BTC Watcher."),
        )
