"""Admin pages that stay fast on tables of millions of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, ChangeList
from django.core.paginator import Paginator
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django_stubs_ext import StrOrPromise

    # Generic for the type checker alone: the class takes no index at run time.
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin

ROWS_PER_PAGE: Final = 100
# Going back page by page skips rows one by one; further back leads a date.
MOST_PAGES: Final = 100


class HistoryList(ChangeList):
    """A list whose pages are only newer and older, in the order of its index."""

    is_bounded = True
    has_older = False

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Return the table's own order, whatever the address asks for."""
        self.params.pop(ORDER_VAR, None)
        return list(super().get_ordering(request, queryset))

    def get_results(self, request: HttpRequest) -> None:
        """Read one page and one row more; nobody counts how many there are.

        Django's own would count, and would read all rows of a table with a single page.
        Raises IncorrectLookupParameters for a page that is not given.
        """
        if not 1 <= self.page_num <= MOST_PAGES:
            raise IncorrectLookupParameters
        before = self.first - 1
        rows = list(self.queryset[before : before + self.list_per_page + 1])
        self.result_list: Any = rows[: self.list_per_page]
        self.has_older = len(rows) > self.list_per_page and not self.is_cut
        self.result_count = self.full_result_count = before + len(self.result_list)
        self.show_full_result_count = self.can_show_all = False
        self.show_admin_actions = True
        self.multi_page = self.has_older or self.page_num > 1
        self.paginator = Paginator(self.result_list, self.list_per_page)

    @property
    def newer(self) -> str:
        """Return the query of the page before, "" on the first."""
        return self._page(self.page_num - 1) if self.page_num > 1 else ""

    @property
    def older(self) -> str:
        """Return the query of the next page, "" on the last."""
        return self._page(self.page_num + 1) if self.has_older else ""

    @property
    def first(self) -> int:
        """Return the number of the first row of this page, from 1."""
        return (self.page_num - 1) * self.list_per_page + 1

    @property
    def last(self) -> int:
        """Return the number of the last row of this page; 0 when there is none."""
        return self.result_count if self.result_list else 0

    @property
    def is_cut(self) -> bool:
        """Whether this is the last page that is given, full or not."""
        return self.page_num >= MOST_PAGES

    def _page(self, number: int) -> str:
        return str(self.get_query_string({PAGE_VAR: number}))


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


class BoundedAdmin(AnyModelAdmin):
    """A long table in order of time, newest first: a page costs the same at any size."""

    change_list_template: ClassVar[Any] = "admin/history_list.html"
    list_per_page = ROWS_PER_PAGE
    # "Show all" would read the table, and facets would count it once per choice.
    list_max_show_all = 0
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    # Sorting by other columns would read the whole table.
    sortable_by: ClassVar[Any] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[HistoryList]:
        """Return the list without numbers of pages."""
        return HistoryList


class HistoryAdmin(BoundedAdmin, ReadOnlyAdmin):
    """A long table that is only read."""


def links(places: Iterable[tuple[str, StrOrPromise]]) -> str:
    """Return pairs of address and words as links beside each other."""
    return format_html_join(" · ", '<a href="{}">{}</a>', places)


def stored_mark(*, stored: bool) -> str:
    """Return what is shown of a secret: whether there is one."""
    words = _("set") if stored else _("not set")
    return format_html('<span class="quiet">{}</span>', words)
