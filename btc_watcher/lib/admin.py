"""Admin pages that stay fast on tables of millions of rows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib import admin
from django.core.paginator import Paginator
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    # Generic for the type checker alone: the class takes no index at run time.
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin


# Candles may close a moment ahead of our clock.
AHEAD: Final = timedelta(minutes=2)


class PeekingPaginator(Paginator):  # type: ignore[type-arg]  # no index at run time
    """Knows whether there is a next page, and never counts the table."""

    page_number = 1

    @cached_property
    def count(self) -> int:
        """Return the rows up to here, and one more when there is a next page."""
        before = (self.page_number - 1) * self.per_page
        seen = self.object_list[before : before + self.per_page + 1]
        return before + len(seen.values_list("pk"))  # type: ignore[attr-defined]


class PeriodFilter(admin.SimpleListFilter):
    """A period that ends now, one always chosen: a table has a partition for every month.

    ``column`` is what the table is cut by; ``periods`` are days, the default one first.
    """

    title = _("period")
    parameter_name = "days"
    column = ""
    periods: tuple[int, ...] = (31, 1, 7, 366)
    words: ClassVar = {
        1: _("24 hours"),
        7: _("7 days"),
        31: _("31 days"),
        366: _("366 days"),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the periods that are not the default."""
        return [(str(days), self.words[days]) for days in self.periods[1:]]

    def choices(self, changelist: Any) -> Any:
        """Name the default what it is."""
        first, *others = super().choices(changelist)
        return [dict(first) | {"display": self.words[self.periods[0]]}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep to the months that the period touches; the last minutes are in it."""
        known = {str(days): days for days in self.periods}
        days = known.get(str(self.value()), self.periods[0])
        now = timezone.now()
        return queryset.filter(
            **{
                f"{self.column}__gte": now - timedelta(days=days),
                f"{self.column}__lt": now + AHEAD,
            }
        )


class ReadOnlyAdmin(AnyModelAdmin):
    """Rows that the system writes and people only read."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The system alone adds rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What has happened is not changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What has happened is not forgotten."""
        return False


class HistoryAdmin(ReadOnlyAdmin):
    """A long table in order of time, newest first."""

    list_per_page = 100
    show_full_result_count = False
    # Sorting by other columns would read the whole table.
    sortable_by = ()

    def get_paginator(
        self,
        request: HttpRequest,
        queryset: Any,
        per_page: int,
        *args: Any,
        **kwargs: Any,
    ) -> PeekingPaginator:
        """Return the paginator, told which page is looked at."""
        paginator = PeekingPaginator(queryset, per_page, *args, **kwargs)
        page = request.GET.get("p", "")
        if page.isdecimal() and len(page) < 6:
            paginator.page_number = max(1, int(page))
        return paginator
