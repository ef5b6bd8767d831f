"""Filters of the admin that read no more than they show."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib import admin
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest


# Candles may close a moment ahead of our clock.
AHEAD: Final = timedelta(minutes=2)
# So that a typing error does not open every month there is.
LONGEST: Final = timedelta(days=366)
DATES: Final = ("since", "until")
# So many are offered; the others are reached by a link from their own page.
OFFERED: Final = 25


class PeriodFilter(admin.SimpleListFilter):
    """A period, one always chosen: a table has a partition for every month.

    The last ``periods`` days (the default one first), or from one day to another in the
    reader's zone, both included. ``column`` is what the table is cut by.
    """

    title = _("period")
    template = "admin/period_filter.html"
    parameter_name = "days"
    column = ""
    periods: tuple[int, ...] = (7, 1, 31, 366)
    words: ClassVar = {
        1: _("24 hours"),
        7: _("7 days"),
        31: _("31 days"),
        366: _("366 days"),
    }

    def __init__(self, request: HttpRequest, params: Any, *args: Any) -> None:
        self.dates: dict[str, date | None] = {
            name: _date(params.pop(name)[-1]) if name in params else None
            for name in DATES
        }
        super().__init__(request, params, *args)

    def expected_parameters(self) -> list[str | None]:
        """Return the names that belong to this filter."""
        return [self.parameter_name, *DATES]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return every period."""
        return [(str(days), self.words[days]) for days in self.periods]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Give the periods, shortest first, and then what the form of dates needs."""
        chosen = None if any(self.dates.values()) else self._days()
        for days in sorted(self.periods):
            yield {
                "selected": days == chosen,
                "query_string": changelist.get_query_string(
                    {self.parameter_name: days}, list(DATES)
                ),
                "display": self.words[days],
            }
        yield {
            "form": True,
            "selected": chosen is None,
            "since": self.dates["since"],
            "until": self.dates["until"],
            "zone": timezone.get_current_timezone_name(),
            "others": [
                (name, value)
                for name, value in changelist.params.items()
                if name not in (self.parameter_name, *DATES)
            ],
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep to the months that the period touches; the last minutes are in it."""
        since, until = self.bounds(timezone.now())
        return queryset.filter(
            **{f"{self.column}__gte": since, f"{self.column}__lt": until}
        )

    def bounds(self, now: datetime) -> tuple[datetime, datetime]:
        """Return the first moment of the period, and the first after it."""
        first, last = self.dates["since"], self.dates["until"]
        if first is None and last is None:
            return now - timedelta(days=self._days()), now + AHEAD
        until = _midnight(last + timedelta(days=1)) if last else now + AHEAD
        since = _midnight(first) if first else until - timedelta(days=self.periods[0])
        if first is not None and last is None:
            until = min(until, since + LONGEST)
        return max(since, until - LONGEST), until

    def _days(self) -> int:
        known = {str(days): days for days in self.periods}
        return known.get(str(self.value()), self.periods[0])


class LinkedFilter(admin.SimpleListFilter):
    """Rows of one other row, such as a strategy.

    The first OFFERED by name are offered, and the one that a link led to. ``model`` is
    the other table, ``column`` the number in this one.
    """

    model: type[Model]
    column = ""
    ordering = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the other rows by number; one that is gone by its number alone."""
        rows = self.model._default_manager.order_by(self.ordering)  # noqa: SLF001 - Django's public name
        found = {str(row.pk): str(row) for row in self.of(rows)[:OFFERED]}
        chosen = self.number()
        if chosen is not None and str(chosen) not in found:
            row = rows.filter(pk=chosen).first()
            found[str(chosen)] = str(row) if row else f"#{chosen}"
        return list(found.items())

    def of(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return what is offered of ``rows``, without columns that nobody looks at."""
        return rows.only("pk", self.ordering)

    def number(self) -> int | None:
        """Return the number that was asked for, None without one."""
        text = str(self.value() or "")
        return (
            int(text)
            if text.isascii() and text.isdecimal() and len(text) < 10
            else None
        )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows of the one that was chosen."""
        number = self.number()
        return queryset if number is None else queryset.filter(**{self.column: number})


def linked(
    model: type[Model], title: Any, column: str, **more: Any
) -> type[LinkedFilter]:
    """Return a filter by ``column``; the parameter in addresses has the same name."""
    values = {"model": model, "title": title, "column": column} | more
    return type("Linked", (LinkedFilter,), values | {"parameter_name": column})


def _date(text: str) -> date | None:
    try:
        found = parse_date(text)
    except ValueError:
        return None
    # Other years overflow when a zone is applied.
    return found if found and 1970 < found.year < 9000 else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
