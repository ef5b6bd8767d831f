"""What the work of the schedule is for, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# By the names of settings.CELERY_BEAT_SCHEDULE.
PURPOSES: Final[dict[str, StrOrPromise]] = {
    "sweep notifications": _("Sends what is due and was not taken by a worker."),
    "tell what was held": _("Sends what quiet hours and budgets held back."),
    "repeat alerts": _("Reminds of what is still wrong."),
    "strategy health": _("Looks at every bot and rates its health."),
    "proxy failover": _("Moves bots away from a proxy that is out, and back."),
    "fill outcomes": _("Notes what the price did after signals."),
    "refresh releases": _("Asks the package index for new releases of freqtrade."),
    "expire sessions": _("Removes logins and tokens that have expired."),
    "forget old audit entries": _("Removes what the audit keeps no longer."),
    "warn of expiring drafts": _("Tells of drafts that will be deleted soon."),
    "expire drafts": _("Deletes drafts that nobody has touched for long."),
    "test proxies": _("Tests every proxy."),
    "retry failing proxies": _("Tests proxies again that have failed."),
    "tell new errors": _("Tells of errors that were not there before."),
    "sample the database": _("Measures PostgreSQL and Redis for their page."),
    "collect metrics": _("Measures the machine and the processes."),
    "average metrics": _("Averages measurements by the hour and drops old ones."),
    "ping outside": _("Tells a service outside that all is well."),
    "watch the servers": _("Looks whether PostgreSQL and Redis are well."),
    "backup": _("Makes a backup and restores it on trial."),
    "watch backups": _("Looks at the backups, and makes the one that was missed."),
    "rotate partitions": _("Makes new months of the large tables, drops old ones."),
}
