"""The page of the audit, for administrators."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.audit.selectors import SYSTEM, Wanted, audit_page
from accounts.audit.shown import entries_shown, kinds
from accounts.models import AuditEntry, User
from accounts.permissions import needs
from accounts.roles import ADMINISTER

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

DAYS: Final = 31
# Of a single object little was changed.
DAYS_OF_ONE: Final = 366
# So that a typing error does not read ten years.
LARGEST_NUMBER: Final = 2**63 - 1


class FilterForm(forms.Form):
    """What to look for."""

    person = forms.ChoiceField(label=pgettext_lazy("audit", "Who"), required=False)
    target = forms.ChoiceField(label=pgettext_lazy("audit", "Kind"), required=False)
    action = forms.ChoiceField(
        label=pgettext_lazy("audit", "What"),
        required=False,
        choices=[("", _("all")), *AuditEntry.Action.choices],
    )
    name = forms.CharField(label=_("Name or number"), required=False, max_length=150)
    # Given by links from an object of the kind ``target``, whose name may have changed.
    number = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    since = forms.DateField(
        label=pgettext_lazy("audit", "From"),
        required=False,
        widget=forms.DateInput({"type": "date"}),
    )
    until = forms.DateField(
        label=pgettext_lazy("audit", "Until"),
        required=False,
        widget=forms.DateInput({"type": "date"}),
    )

    def __init__(self, data: Any, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        people = User.objects.order_by("username").values_list("pk", "username")
        self._choices("person", [(str(SYSTEM), _("the system")), *people])
        self._choices("target", kinds())

    def _choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = [("", _("all")), *choices]

    def wanted(self, now: datetime) -> Wanted:
        """Return the filter; what was not understood is left out."""
        chosen = self.cleaned_data if self.is_bound and self.is_valid() else {}
        since, until = chosen.get("since"), chosen.get("until")
        person = chosen.get("person") or ""
        end = (
            _midnight(until) + timedelta(days=1)
            if until
            else now + timedelta(minutes=1)
        )
        number = chosen.get("number") or ""
        days = DAYS_OF_ONE if number else DAYS
        return Wanted(
            since=_midnight(since) if since else end - timedelta(days=days),
            until=end,
            person=int(person) if person else None,
            target=chosen.get("target") or "",
            action=chosen.get("action") or "",
            name=(chosen.get("name") or "").strip(),
            number=number,
        )


@require_GET
@never_cache
@needs(ADMINISTER)
def audit(request: HttpRequest) -> HttpResponse:
    """Show who changed what, the newest first; the last 31 days unless others are asked.

    Of a single object (``target`` and ``number``) it is the last year.
    """
    form = FilterForm(request.GET or None)
    wanted = form.wanted(timezone.now())
    before = request.GET.get("before", "")
    number = int(before) if before.isascii() and before.isdecimal() else None
    entries, following = audit_page(
        wanted, before=None if number is None else min(number, LARGEST_NUMBER)
    )
    query = request.GET.copy()
    query["before"] = str(following)
    context = {
        "form": form,
        "entries": entries_shown(entries),
        "wanted": wanted,
        "zone": timezone.get_current_timezone_name(),
        "filtered": any(each for key, each in request.GET.items() if key != "before"),
        "further": f"?{query.urlencode()}" if following else "",
        "first": not before,
    }
    status = 400 if form.is_bound and not form.is_valid() else 200
    return render(request, "accounts/audit.html", context, status=status)


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
