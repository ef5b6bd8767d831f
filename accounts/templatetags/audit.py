"""From an object to what was changed about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.urls import reverse
from django.utils.http import urlencode

from accounts.audit.tables import TABLES

if TYPE_CHECKING:
    from django.db.models import Model

register = template.Library()


@register.simple_tag
def audit_address(row: Model) -> str:
    """Return the address of the audit of ``row``, "" when its table is not watched."""
    table = row._meta.db_table  # noqa: SLF001 - Django's own name, and documented
    if table not in TABLES:
        return ""
    query = urlencode({"target": table, "number": row.pk})
    return f"{reverse('accounts:audit')}?{query}"
