"""The machines that run bots: none that is silent keeps strategies from the others."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from freqtrade_mgmt.leases.restored import nodes_silent, release_command
from monitoring.doctor.shapes import Facts, Finding, check, failed, ok


@check(
    "work.nodes", gettext_lazy("Machines that run bots"), needs="database.migrations"
)
def nodes(_facts: Facts) -> Finding:
    """No strategy waits for a machine that is gone."""
    silent = nodes_silent()
    if not silent:
        return ok(_("No strategy waits for a machine that is silent."), 0)
    return failed(
        _("Strategies wait for machines that give no sign of life: %(names)s")
        % {"names": ", ".join(f"{name} ({held})" for name, held in silent.items())},
        _(
            "Start the supervisor there. Where the machine and its bots are gone for"
            " good, as after a restore elsewhere: %(commands)s"
        )
        % {"commands": "; ".join(map(release_command, silent))},
        sum(silent.values()),
    )
