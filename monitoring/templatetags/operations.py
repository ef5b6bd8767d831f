"""Tabs, times and sizes of the pages of operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import template
from django.urls import reverse
from django.utils.translation import gettext_lazy

from btc_watcher.lib.shown_times import moment_html
from monitoring.backups.shapes import megabytes
from strategies.shown import lasted_text

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

register = template.Library()
# Name, address, words, and the permission of pages that are in the admin.
TABS: Final = (
    ("system", "monitoring:system", gettext_lazy("System"), ""),
    ("database", "monitoring:database", gettext_lazy("Database"), ""),
    ("partitions", "monitoring:partitions", gettext_lazy("Partitions"), ""),
    ("backups", "monitoring:backups", gettext_lazy("Backups"), ""),
    (
        "errors",
        "admin:monitoring_errorlog_changelist",
        gettext_lazy("Errors"),
        "monitoring.view_errorlog",
    ),
    (
        "intervals",
        "admin:django_celery_beat_periodictask_changelist",
        gettext_lazy("Intervals"),
        "django_celery_beat.view_periodictask",
    ),
    (
        "processes",
        "admin:monitoring_processheartbeat_changelist",
        gettext_lazy("Processes"),
        "monitoring.view_processheartbeat",
    ),
    ("audit", "accounts:audit", gettext_lazy("Audit"), "accounts.administer"),
)
# Pages whose names are not those of their tabs.
OF_PAGE: Final = {
    "backup": "backups",
    "monitoring_errorlog_changelist": "errors",
    "monitoring_processheartbeat_changelist": "processes",
    "django_celery_beat_periodictask_changelist": "intervals",
}


@register.inclusion_tag("monitoring/operations_parts/tabs.html", takes_context=True)
def operations_tabs(context: Any) -> dict[str, Any]:
    """Show the pages of operations to staff; other people have one page, and no tabs."""
    request = context["request"]
    user = request.user
    match = request.resolver_match
    name = (match.url_name if match else "") or ""
    shown = [
        {
            "url": reverse(address),
            "label": label,
            "active": key == OF_PAGE.get(name, name),
        }
        for key, address, label, permission in TABS
        if not permission or user.has_perm(permission)
    ]
    return {"tabs": shown if user.is_staff else []}


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """Return a time of today as time of day, another with its date, in the person's zone.

    Pointing at it shows all of it, with the zone.
    """
    return moment_html(value, nothing="—")


@register.filter
def saved_size(value: int | None) -> str:
    """Return bytes as the commands about backups write them."""
    return megabytes(value) if value else "—"


@register.filter
def took(seconds: float | None) -> str:
    """Return a length of time: tenths of a second while it is short."""
    return "—" if seconds is None else lasted_text(seconds)
