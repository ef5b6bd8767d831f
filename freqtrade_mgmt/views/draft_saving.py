"""Storing what the editor posts: one writer at a time, and a record of code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from btc_watcher.lib.errors import BtcWatcherError
from freqtrade_mgmt.code_audit import TYPED_IN, UPLOAD_CODE, code_recorded
from freqtrade_mgmt.forms.draft import DraftForm
from freqtrade_mgmt.forms.values import TYPED, typed_of
from strategies.errors import StrategyMissingError
from strategies.models import Strategy
from strategies.services import draft_save, health_merge

if TYPE_CHECKING:
    from django.http import QueryDict

    from accounts.models import User


class ConflictError(BtcWatcherError):
    """Somebody else has saved the draft since this page was loaded."""

    def __init__(self, draft: Strategy) -> None:
        self.token = token_of(draft)
        self.saved_by = str((draft.config.get("saved_by") or {}).get("username", "?"))
        moment = timezone.localtime(draft.updated_at)
        super().__init__(
            _(
                "%(person)s saved this draft at %(time)s, after you had opened it, so it"
                " was not saved now. What you typed is still here."
            )
            % {"person": self.saved_by, "time": f"{moment:%H:%M:%S}"}
        )


@dataclass(frozen=True)
class Saved:
    """What came of a save: the row as it is now, and the form with its errors."""

    draft: Strategy
    form: DraftForm


def token_of(draft: Strategy) -> str:
    """Return what a page sends back to prove that it shows the newest state."""
    return str(draft.updated_at.isoformat())


def draft_form(draft: Strategy, user: User, data: QueryDict | None = None) -> DraftForm:
    """Return the form of a draft, with a field for code where the person may have one."""
    return DraftForm(draft, data, may_code=user.has_perm(UPLOAD_CODE))


@transaction.atomic
def posted_save(
    draft_id: int, data: QueryDict, user: User, *, file_name: str = ""
) -> Saved:
    """Store what was posted, valid or not, unless somebody else was faster.

    Valid fields go into the row, the texts of the others are kept beside it. Raises
    StrategyMissingError, RefusedError and ConflictError, with nothing stored.
    """
    draft = _locked(draft_id)
    if token_of(draft) not in {data.get("token"), data.get("overwrite")}:
        raise ConflictError(draft)
    form = draft_form(draft, user, data)
    values = form.values
    before, typed = str(draft.config.get("code", "")), typed_of(draft)
    draft = draft_save(draft_id=draft_id, by=user, **values)
    if (texts := form.invalid_texts()) != typed:
        health_merge(draft_id, {TYPED: texts})
    code = str(draft.config.get("code", ""))
    if form.template is None and code != before:
        code_recorded(draft, user, file_name or TYPED_IN)
    return Saved(draft, form)


def _locked(draft_id: int) -> Strategy:
    rows = Strategy.objects.select_for_update(no_key=True, of=("self",))
    rows = rows.select_related("parent_strategy", "created_by")
    draft = rows.filter(pk=draft_id, is_draft=True).first()
    if draft is None:
        raise StrategyMissingError.draft(draft_id)
    return draft
