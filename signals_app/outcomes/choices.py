"""What people did with signals: each says it for themselves. A service of the ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from btc_watcher.lib.errors import BtcWatcherError
from signals_app.outcomes.models import Choice, SignalChoice
from signals_app.rows import moment_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from signals_app.models import Signal
    from signals_app.selectors import SignalFilter

LONGEST_NOTE: Final = 500
# Signals that nothing was said about.
UNDECIDED: Final = "undecided"
WANTED: Final = (*Choice.values, UNDECIDED)


class ChoiceError(BtcWatcherError):
    """A choice was refused; nothing was written."""


def choice_set(
    *, user_id: int, signal: Signal, choice: str, note: str = ""
) -> SignalChoice:
    """Note that somebody took or skipped a signal; a choice from before is replaced.

    Raises ChoiceError for another word or a note that is too long.
    """
    if choice not in Choice.values:
        raise ChoiceError(
            _("“%(choice)s” is no choice; write taken or skipped.")
            % {"choice": choice[:40]}
        )
    note = note.replace("\0", "").strip()
    if len(note) > LONGEST_NOTE:
        raise ChoiceError(
            _("The note has %(length)d characters; %(longest)d fit.")
            % {"length": len(note), "longest": LONGEST_NOTE}
        )
    found, _made = SignalChoice.objects.update_or_create(
        user_id=user_id,
        signal_id=signal.pk,
        defaults={"timestamp": signal.timestamp, "choice": choice, "note": note},
    )
    return found


def choice_clear(*, user_id: int, signal: Signal) -> bool:
    """Forget what somebody said of a signal; False when there was nothing."""
    gone, _each = SignalChoice.objects.filter(
        user_id=user_id, signal_id=signal.pk
    ).delete()
    return bool(gone)


def choices_of(user_id: int, ids: Iterable[UUID]) -> dict[UUID, SignalChoice]:
    """Return what somebody said of signals, by their id."""
    found = SignalChoice.objects.filter(user_id=user_id, signal_id__in=list(ids))
    return {choice.signal_id: choice for choice in found}


def choice_filter(wanted: SignalFilter, user_id: int, choice: str) -> SignalFilter:
    """Narrow a filter to what somebody took, skipped, or has not decided on."""
    if choice not in WANTED:
        return wanted
    return replace(wanted, choice=choice, chooser=user_id)


def choice_shape(choice: SignalChoice | None) -> dict[str, Any] | None:
    """Return a choice as the API gives it."""
    if choice is None:
        return None
    return {
        "choice": choice.choice,
        "note": choice.note,
        "updated_at": moment_text(choice.updated_at),
    }
