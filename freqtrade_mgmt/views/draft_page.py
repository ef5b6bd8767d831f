"""What the pages of a draft show."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from freqtrade_mgmt.code_audit import UPLOAD_CODE
from freqtrade_mgmt.forms.hints import columns_of, hints
from freqtrade_mgmt.forms.values import PARAMETER
from freqtrade_mgmt.trial.words import trial_shown
from freqtrade_mgmt.views.draft_saving import token_of
from strategies.drafts import is_edit, overtaken
from strategies.models import Strategy

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import User
    from freqtrade_mgmt.forms.draft import DraftForm

# A supervisor that runs looks for trials every second or two.
PATIENCE: Final = timedelta(seconds=10)
_MOMENT: Final = "Y-m-d H:i T"


def draft_context(draft: Strategy, form: DraftForm, user: User) -> dict[str, Any]:
    """Return what the editor shows, besides messages."""
    values = form.values
    code = str(values["config"].get("code", ""))
    parent = draft.parent_strategy if is_edit(draft) else None
    trial = draft.health_metrics.get("trial") or {}
    template = form.template
    return {
        "draft": draft,
        "form": form,
        "token": token_of(draft),
        "parent": parent,
        "overtaken": overtaken(draft, parent) if parent else "",
        "author": draft.created_by if draft.created_by_id != user.pk else None,
        "others": _others(draft, user) if parent else [],
        "template": template,
        "parameters": [
            form[PARAMETER + parameter.name] for parameter in template.parameters
        ]
        if template
        else [],
        "may_code": user.has_perm(UPLOAD_CODE),
        "code": code,
        "class_name": values["config"].get("class_name", ""),
        "columns": columns_of(code),
        "hints": hints(values),
        "levels": values["signal_thresholds"],
        "saved_at": clock(draft.updated_at),
        "expires": _moment(draft.draft_expires_at),
        "trial": trial,
        "trial_reason": trial_shown(trial)[0],
        "state_url": state_url(draft),
        "wrong": [form[name] for name in form.errors if name in form.fields],
        "words": page_words(),
    }


def words_for_page(draft: Strategy, form: DraftForm) -> dict[str, Any]:
    """Return what the page takes over after it has saved itself."""
    values = form.values
    config = values["config"]
    code = str(config.get("code", ""))
    form.shown_while_typing()
    return {
        "token": token_of(draft),
        "saved": clock(draft.updated_at),
        "expires": _moment(draft.draft_expires_at),
        "errors": {
            name: [str(sentence) for sentence in sentences]
            for name, sentences in form.errors.items()
        },
        "hints": hints(values),
        "columns": columns_of(code),
        "className": config.get("class_name", ""),
        "code": code if form.template is not None else None,
    }


def page_words() -> dict[str, str]:
    """Return the words of the module that saves while somebody types."""
    return {
        "untitled": _("New strategy"),
        "saved": _("Saved %(time)s"),
        "saving": _("Saving …"),
        "changed": _("Not saved yet"),
        "offline": _("Not saved: no connection. Trying again."),
        "loggedOut": _(
            "Not saved: you are logged out. Log in in another tab, then go on here."
        ),
        "refused": _("Not saved: %(problem)s"),
        "reading": _("“%(file)s” is ready. Press “Use this file”."),
        "tooLarge": _("“%(file)s” is larger than 500 kB."),
        "notPython": _("“%(file)s” does not end in .py."),
    }


def state_context(draft: Strategy, here: str) -> dict[str, Any]:
    """Return what the page of a trial shows."""
    trial = draft.health_metrics.get("trial") or {}
    state = trial.get("state", "")
    asked = parse_datetime(str(trial.get("asked_at") or ""))
    waited = timezone.now() - asked if asked else timedelta(0)
    reason, warnings = trial_shown(trial)
    return {
        "draft": draft,
        "state": state,
        "busy": state in {"wanted", "running", "passed"},
        "slow": state == "wanted" and waited > PATIENCE,
        "reason": reason,
        "warnings": warnings,
        "version": draft.freqtrade_config.get("version") or _("the current version"),
        "here": here,
        "state_url": state_url(draft),
        "part_url": state_url(draft, part=True),
    }


def state_url(draft: Strategy, *, part: bool = False) -> str:
    """Return the address of the trial's page; it leads on when the draft is gone."""
    query: dict[str, object] = {}
    if is_edit(draft) and draft.parent_strategy:
        query = {"of": draft.parent_strategy.pk, "was": draft.parent_strategy.version}
    if part:
        query["part"] = 1
    address = reverse("freqtrade_mgmt:draft_state", args=[draft.pk])
    return f"{address}?{urlencode(query)}" if query else address


def discarded_to(draft: Strategy) -> str:
    """Return where a discarded draft leads: to what it edited, or to the list."""
    if is_edit(draft):
        return reverse("strategies:detail", args=[draft.parent_strategy_id])
    return reverse("strategies:list")


def trial_warnings(strategy: Strategy) -> list[str]:
    """Return what the trial that published a strategy remarked."""
    return trial_shown(strategy.health_metrics.get("trial") or {})[1]


def clock(moment: datetime) -> str:
    """Return the time of day in the person's zone, such as 12:03."""
    return date_format(timezone.localtime(moment), "H:i")


def _moment(moment: datetime | None) -> str:
    return date_format(timezone.localtime(moment), _MOMENT) if moment else ""


def _others(draft: Strategy, user: User) -> list[Strategy]:
    """Return the drafts of the same strategy that somebody else has."""
    drafts = Strategy.objects.filter(
        is_draft=True,
        parent_strategy_id=draft.parent_strategy_id,
        config__editing=True,
    ).exclude(pk=draft.pk)
    return list(drafts.exclude(created_by=user).select_related("created_by"))
