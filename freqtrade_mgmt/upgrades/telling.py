"""What people are told of upgrades: that one began and ended, and that one went back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from freqtrade_mgmt.models import FreqtradeUpgrade
from notifications.dispatch import alert_raise, alert_resolve, messages_send
from notifications.messages import Message

if TYPE_CHECKING:
    from freqtrade_mgmt.models import FreqtradeUpgrade as Row

# One for all: the next operation is what ends it.
ALERT: Final = "freqtrade:upgrade"


def tell_started(row: Row) -> None:
    """Tell that an operation was asked for; an earlier roll-back is over by that."""
    alert_resolve(key=ALERT, quiet=True)
    _tell(row, _("freqtrade %(from)s → %(to)s begins") % _versions(row), "")


def tell_ended(row: Row, said: str) -> None:
    """Tell how an operation ended; ``said`` is its last sentence.

    Going back without having been asked is an alert.
    """
    state = FreqtradeUpgrade.Status
    titles = {
        state.COMPLETED: _("freqtrade %(from)s → %(to)s is done"),
        state.ROLLED_BACK: _("freqtrade %(from)s → %(to)s was rolled back"),
        state.FAILED: _("freqtrade %(from)s → %(to)s was not begun"),
    }
    title = titles[state(row.status)] % _versions(row)
    if row.status == state.ROLLED_BACK and not row.migration_log.get("stop"):
        alert_raise(
            key=ALERT, priority="P1", title=title, body=said, context=_context(row)
        )
        return
    _tell(row, title, said)


def _tell(row: Row, title: str, body: str) -> None:
    messages_send([Message("system", "P2", title, body, context=_context(row))])


def _context(row: Row) -> dict[str, object]:
    return {"freqtrade_upgrade": row.pk, "freqtrade_version": row.to_version}


def _versions(row: Row) -> dict[str, str]:
    return {"from": row.from_version or "?", "to": row.to_version}
