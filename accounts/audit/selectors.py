"""Reading the audit, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db.models import Q

from accounts.audit.tables import BELONGINGS
from accounts.models import AuditEntry

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

PAGE_SIZE: Final = 50
SYSTEM: Final = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; empty means all. ``person`` 0 is the system.

    ``name`` is part of the name of the object, or its number. ``number`` is that of one
    object of the kind ``target``, with what belongs to it.
    """

    since: datetime
    until: datetime
    person: int | None = None
    target: str = ""
    action: str = ""
    name: str = ""
    number: str = ""


def audit_page(
    wanted: Wanted, *, before: int | None, size: int = PAGE_SIZE
) -> tuple[list[AuditEntry], int | None]:
    """Return the newest entries that fit, and where the next page begins, if there is one.

    ``before`` is the number of the last entry of the page before.
    """
    rows = _filtered(wanted)
    last = AuditEntry.objects.filter(pk=before).first() if before else None
    if last is not None:
        rows = rows.filter(Q(at__lt=last.at) | Q(at=last.at, pk__lt=last.pk))
    found = list(rows.order_by("-at", "-id")[: size + 1])
    return found[:size], found[size - 1].pk if len(found) > size else None


def _filtered(wanted: Wanted) -> QuerySet[AuditEntry]:
    rows = AuditEntry.objects.filter(at__gte=wanted.since, at__lt=wanted.until)
    if wanted.person == SYSTEM:
        rows = rows.filter(actor_id__isnull=True)
    elif wanted.person is not None:
        rows = rows.filter(actor_id=wanted.person)
    if wanted.target and wanted.number:
        tables = (wanted.target, *BELONGINGS.get(wanted.target, ()))
        rows = rows.filter(target__in=tables, target_id=wanted.number)
    elif wanted.target:
        rows = rows.filter(target=wanted.target)
    if wanted.action:
        rows = rows.filter(action=wanted.action)
    if wanted.name:
        by_name = rows.filter(target_name__icontains=wanted.name)
        rows = by_name | rows.filter(target_id=wanted.name)
    return rows
