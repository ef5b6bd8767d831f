"""Admin pages that stay fast on tables of millions of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.utils.functional import cached_property

if TYPE_CHECKING:
    from django.http import HttpRequest

    # Generic for the type checker alone: the class takes no index at run time.
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin


class PeekingPaginator(Paginator):  # type: ignore[type-arg]  # no index at run time
    """Knows whether there is a next page, and never counts the table."""

    page_number = 1

    @cached_property
    def count(self) -> int:
        """Return the rows up to here, and one more when there is a next page."""
        before = (self.page_number - 1) * self.per_page
        seen = self.object_list[before : before + self.per_page + 1]
        return before + len(seen.values_list("pk"))  # type: ignore[attr-defined]


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
