"""What people are told of upgrades: that one began and ended, and that one went back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from freqtrade_mgmt.models import FreqtradeUpgrade
from freqtrade_mgmt.upgrades.words import shown
from notifications.dispatch import alert_raise, alert_resolve, messages_send
from notifications.saying import Words, message_said
from strategies.reason_words import reason_shown

if TYPE_CHECKING:
    from freqtrade_mgmt.models import FreqtradeUpgrade as Row
    from notifications.saying import Speak

# One for all: the next operation is what ends it.
ALERT: Final = "freqtrade:upgrade"


def tell_started(row: Row) -> None:
    """Tell that an operation was asked for; an earlier roll-back is over by that."""
    alert_resolve(key=ALERT, quiet=True)
    _tell(row, partial(_started_words, row))


def tell_ended(row: Row, said: str) -> None:
    """Tell how an operation ended; ``said`` is its last sentence, as its log has it.

    Going back without having been asked is an alert.
    """
    words = partial(_ended_words, row, said)
    went_back = row.status == FreqtradeUpgrade.Status.ROLLED_BACK
    if went_back and not row.migration_log.get("stop"):
        alert_raise(key=ALERT, priority="P1", words=words, context=_context(row))
        return
    _tell(row, words)


def _started_words(row: Row) -> Words:
    return Words(_("freqtrade %(from)s → %(to)s begins") % _versions(row))


def _ended_words(row: Row, said: str) -> Words:
    state = FreqtradeUpgrade.Status
    titles = {
        state.COMPLETED: _("freqtrade %(from)s → %(to)s is done"),
        state.ROLLED_BACK: _("freqtrade %(from)s → %(to)s was rolled back"),
        state.FAILED: _("freqtrade %(from)s → %(to)s was not begun"),
    }
    # Of the sentence the log keeps what it was made of.
    steps = row.migration_log.get("steps") or []
    step = next((each for each in reversed(steps) if each.get("words") == said), None)
    return Words(
        titles[state(row.status)] % _versions(row),
        reason_shown(shown(step) if step else said),
    )


def _tell(row: Row, words: Speak) -> None:
    messages_send([message_said("system", "P2", words, _context(row))])


def _context(row: Row) -> dict[str, object]:
    return {"freqtrade_upgrade": row.pk, "freqtrade_version": row.to_version}


def _versions(row: Row) -> dict[str, str]:
    return {"from": row.from_version or "?", "to": row.to_version}
