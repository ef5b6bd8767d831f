"""Backups: there is a young one that was restored on trial, and we can open it."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.encryption import key_ring
from btc_watcher.lib.errors import EncryptionError
from monitoring.backups.selectors import backups_list, backups_summary
from monitoring.doctor.shapes import Facts, Finding, check, failed, ok, warning

NAMED: Final = 3


@check("backups.age", gettext_lazy("Newest good backup"))
def age(facts: Facts) -> Finding:
    """The newest one that was restored on trial is young enough."""
    found = backups_summary(facts.now)
    cure = _("Run manage.py backup, then see why the schedule does not do it daily.")
    if found["troubles"]:
        title, body = found["troubles"][0]
        return failed(f"{title}. {body.partition(chr(10))[0]}", cure, found["count"])
    if found["good_at"] is None:
        return warning(_("There is no backup yet."), cure, 0)
    hours = (facts.now - found["good_at"]).total_seconds() / 3600
    return ok(
        _("The newest one is %(hours)d hours old and was restored on trial.")
        % {"hours": hours},
        f"{hours:.0f} h",
    )


@check("backups.keys", gettext_lazy("Keys of the backups"))
def keys(_facts: Facts) -> Finding:
    """Every sealed backup can be opened with a key at hand."""
    sealed = [each for each in backups_list() if each.manifest and each.manifest.key]
    lost = []
    for each in sealed:
        try:
            key_ring().derived(
                each.manifest.key if each.manifest else "", b"", b"probe"
            )
        except EncryptionError:
            lost.append(each.name)
    if lost:
        return failed(
            _("No key at hand opens: %(names)s") % {"names": ", ".join(lost[:NAMED])},
            _("Add the key they were sealed with to BTCW_ENCRYPTION_KEYS."),
            len(lost),
        )
    if not sealed:
        return ok(_("No backup is sealed."), 0)
    return ok(
        _("All %(count)d sealed ones can be opened.") % {"count": len(sealed)},
        len(sealed),
    )
