"""Following an upgrade in the terminal until its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from btc_watcher.lib.commands.ending import INTERRUPTED
from freqtrade_mgmt.supervisor.installs import supervisor_lives
from freqtrade_mgmt.upgrades.log import OPEN
from freqtrade_mgmt.upgrades.reading import UpgradeShown, upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

    from freqtrade_mgmt.management.terminal import Output
    from freqtrade_mgmt.models import FreqtradeUpgrade

FOLLOW_SECONDS: Final = 0.5
# A supervisor that is started again needs some seconds.
ABSENT_SECONDS: Final = 60.0


def carried_out(
    request: Callable[[], FreqtradeUpgrade],
    output: Output,
    *,
    wanted: str,
    json: bool = False,
) -> None:
    """Ask for an operation and print its steps until it has ended; as ``json`` at last.

    Raises CommandError when it ends otherwise than ``wanted``, or when no supervisor
    runs that could carry it out; what was asked for stays asked for then.
    """
    if not supervisor_lives():
        raise CommandError(
            _(
                "No supervisor runs, and only it moves strategies. Start it (make up, or"
                " manage.py run_supervisor), then ask again."
            )
        )
    row = request()
    told = len(row.migration_log["steps"]) - 1
    try:
        shown = _follow(row.pk, told, output)
    except KeyboardInterrupt:
        raise CommandError(
            _(
                "Operation %(number)s goes on without this terminal. To end it: manage.py"
                " freqtrade rollback %(number)s"
            )
            % {"number": row.pk},
            returncode=INTERRUPTED,
        ) from None
    if json:
        output.json(shown.as_dict())
    if shown.status != wanted:
        raise CommandError(
            shown.error
            or _("Operation %(number)s is %(status)s.")
            % {"number": row.pk, "status": shown.status}
        )


def _follow(upgrade_id: int, told: int, output: Output) -> UpgradeShown:
    alone = 0.0
    while True:
        shown = upgrade(upgrade_id)
        if shown is None:
            raise CommandError(
                _("Operation %(number)s was removed.") % {"number": upgrade_id}
            )
        for step in shown.steps[told:]:
            output.line(step.words)
        told = max(told, len(shown.steps))
        if shown.status not in OPEN:
            return shown
        alone = 0.0 if supervisor_lives() else alone + FOLLOW_SECONDS
        if alone > ABSENT_SECONDS:
            raise CommandError(
                _(
                    "The supervisor has ended. Operation %(number)s goes on when one is"
                    " started again."
                )
                % {"number": upgrade_id}
            )
        time.sleep(FOLLOW_SECONDS)
