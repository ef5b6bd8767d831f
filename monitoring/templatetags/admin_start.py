"""The state of the system on the admin's first page."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from monitoring.dashboard.start import admin_start

register = template.Library()


@register.inclusion_tag("monitoring/admin_start.html")
def system_state() -> dict[str, Any]:
    """Show how the system is."""
    return admin_start(timezone.now())
