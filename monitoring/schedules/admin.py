"""The schedule in the admin: what runs by itself, how often, and whether."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

# Registers the library's own pages, which are taken away below.
import django_celery_beat.admin  # noqa: F401
from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from btc_watcher.lib.admin import AnyModelAdmin
from monitoring.schedules.bounds import bounds_of, interval_problem
from monitoring.schedules.services import (
    first_values,
    needed_problem,
    schedule_change,
)
from monitoring.schedules.words import PURPOSES
from strategies.shown import span_text

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django_stubs_ext import StrOrPromise

    AnyModelForm = forms.ModelForm[PeriodicTask]
else:
    AnyModelForm = forms.ModelForm

MINUTE: Final = 60

# The library's own pages would let an interval be changed that several entries share,
# and any task be run with any arguments.
for _model in (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
):
    admin.site.unregister(_model)


class ScheduleForm(AnyModelForm):
    """An interval in seconds, and a switch."""

    seconds = forms.IntegerField(label=gettext_lazy("Every … seconds"), min_value=1)

    class Meta:
        """Form metadata."""

        model = PeriodicTask
        fields = ("enabled",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._first = first_values().get(self.instance.name)
        if self._first is None or "seconds" not in self.fields:
            return
        bounds = bounds_of(self.instance.name, self._first.seconds)
        field = self.fields["seconds"]
        field.initial = _seconds(self.instance)
        field.help_text = _(
            "Between %(least)d and %(most)d; %(default)d at first. Works within seconds,"
            " without a restart."
        ) % {
            "least": bounds.least,
            "most": bounds.most,
            "default": round(self._first.seconds),
        }

    def clean(self) -> dict[str, Any]:
        """Refuse what is out of bounds, with the reason."""
        data: dict[str, Any] = super().clean() or {}
        if self._first is None:
            raise forms.ValidationError(_("This entry is not one of ours."))
        name = self.instance.name
        bounds = bounds_of(name, self._first.seconds)
        seconds = data.get("seconds")
        if seconds is not None and (problem := interval_problem(name, seconds, bounds)):
            self.add_error("seconds", problem)
        if bounds.needed and not data.get("enabled"):
            self.add_error("enabled", needed_problem(name))
        return data


@admin.register(PeriodicTask)
class ScheduleAdmin(AnyModelAdmin):
    """Entries of the settings: an operator changes the interval and the switch."""

    form = ScheduleForm
    change_list_template = "monitoring/admin_list.html"
    list_display = ("name", "purpose", "seconds", "first", "enabled", "last_run_at")
    list_filter = ("enabled",)
    search_fields = ("name", "task")
    ordering = ("name",)
    actions = None
    fields = (
        "name",
        "purpose",
        "task",
        "enabled",
        "seconds",
        "last_run_at",
        "total_run_count",
    )
    readonly_fields = ("name", "purpose", "task", "last_run_at", "total_run_count")

    @admin.display(description=gettext_lazy("What it does"))
    def purpose(self, row: PeriodicTask) -> StrOrPromise:
        """Return what the entry is for."""
        return PURPOSES.get(row.name, "")

    @admin.display(description=gettext_lazy("every … seconds"), ordering="interval")
    def seconds(self, row: PeriodicTask) -> str:
        """Return the interval."""
        found = _seconds(row)
        if found is None:
            return ""
        # Nobody sees a day in 86400.
        return f"{found} ({span_text(found)})" if found >= MINUTE else str(found)

    @admin.display(description=gettext_lazy("at first"))
    def first(self, row: PeriodicTask) -> str:
        """Return the interval of the settings."""
        found = first_values().get(row.name)
        return "" if found is None else f"{found.seconds:g}"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the entries with their intervals."""
        return super().get_queryset(request).select_related("interval")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Work that happens by itself comes with the program."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It would come back with the next start of beat."""
        return False

    def save_model(
        self, request: HttpRequest, obj: PeriodicTask, form: Any, change: Any
    ) -> None:
        """Change the entry, and nothing else of its row."""
        schedule_change(
            name=obj.name,
            seconds=form.cleaned_data["seconds"],
            enabled=form.cleaned_data["enabled"],
        )


def _seconds(row: PeriodicTask) -> int | None:
    if row.interval is None:
        return None
    seconds: float = row.interval.schedule.run_every.total_seconds()
    return round(seconds)
