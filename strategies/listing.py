"""Which strategies the list shows, and in which order. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from strategies.models import Strategy
from strategies.shown import ATTENTION, ORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from django_stubs_ext import StrOrPromise

    from strategies.rows import StrategyRow

CHANGING: Final = ("starting", "stopping")
# What can be chosen, with the states that it holds; "" holds all.
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "": ORDER,
    "attention": ATTENTION,
    "running": ("running",),
    "changing": CHANGING,
    "stopped": ("stopped",),
}
GROUP_WORDS: Final[dict[str, StrOrPromise]] = {
    "": pgettext_lazy("strategies", "All"),
    "attention": _("Need attention"),
    "running": _("Running"),
    "changing": _("Starting or stopping"),
    "stopped": _("Stopped"),
}
# A row without a value comes last, whichever way it is sorted.
SORTS: Final[dict[str, Callable[[StrategyRow], Any]]] = {
    "name": lambda row: row.name.casefold(),
    "state": lambda row: ORDER.index(row.shown.state),
    "health": lambda row: row.health.score,
    "signals": lambda row: row.signals,
    "candle": lambda row: row.candle,
    "exchange": lambda row: (row.exchange, row.timeframe),
    "memory": lambda row: row.rss_mb,
}
SORT_WORDS: Final[dict[str, StrOrPromise]] = {
    "name": _("Name"),
    "state": _("State"),
    "health": _("Health, worst first"),
    "-signals": _("Most signals"),
    "-candle": _("Newest candle"),
    "exchange": _("Exchange"),
    "-memory": _("Most memory"),
}
# What the first click on a column's head asks for.
FIRST_DOWN: Final = frozenset({"signals", "candle", "memory"})
LONGEST_SEARCH: Final = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """What is shown: a group of states, a search, a type, an order ("-": downwards)."""

    state: str = ""
    search: str = ""
    type: str = ""
    sort: str = "name"

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Choice:
        """Read a query; what makes no sense is as if it was not there."""
        state, kind = query.get("state", ""), query.get("type", "")
        sort = query.get("sort", "")
        return cls(
            state=state if state in GROUPS or state in ORDER else "",
            search=query.get("q", "").strip()[:LONGEST_SEARCH],
            type=kind if kind in Strategy.Type.values else "",
            sort=sort if sort.removeprefix("-") in SORTS else "name",
        )

    @property
    def narrowed(self) -> bool:
        """Whether something is left out."""
        return bool(self.state or self.search or self.type)

    def query(self, **changes: str) -> str:
        """Return the query of this choice with some fields changed, such as ``?q=x``."""
        chosen = replace(self, **changes)
        given = {"state": chosen.state, "q": chosen.search, "type": chosen.type}
        if chosen.sort != "name":
            given["sort"] = chosen.sort
        text = urlencode({key: value for key, value in given.items() if value})
        return f"?{text}" if text else ""


@dataclass(frozen=True, slots=True)
class Tab:
    """A group of states with how many fit, and the query that chooses it."""

    key: str
    label: str
    count: int
    query: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column that can be sorted: query of a click, and ascending, descending or "" now."""

    query: str
    order: str


def rows_chosen(rows: Sequence[StrategyRow], choice: Choice) -> list[StrategyRow]:
    """Return the rows that fit, in the order asked for."""
    states = GROUPS.get(choice.state, (choice.state,))
    fitting = [row for row in rows if row.shown.state in states and _fits(row, choice)]
    return _sorted(fitting, choice.sort)


def tabs(rows: Sequence[StrategyRow], choice: Choice) -> list[Tab]:
    """Return the groups with how many of the rows that fit otherwise are in each."""
    states = [row.shown.state for row in rows if _fits(row, choice)]
    return [
        Tab(
            key=key,
            label=str(GROUP_WORDS[key]),
            count=sum(state in group for state in states),
            query=choice.query(state=key),
            chosen=key == choice.state,
        )
        for key, group in GROUPS.items()
    ]


def columns(choice: Choice) -> dict[str, Column]:
    """Return the columns that can be sorted, by name."""
    return {name: _column(name, choice) for name in SORTS}


def _column(name: str, choice: Choice) -> Column:
    down = f"-{name}"
    order = {name: "ascending", down: "descending"}.get(choice.sort, "")
    first, second = (down, name) if name in FIRST_DOWN else (name, down)
    return Column(choice.query(sort=second if choice.sort == first else first), order)


def _fits(row: StrategyRow, choice: Choice) -> bool:
    if choice.type and row.type != choice.type:
        return False
    if not choice.search:
        return True
    texts = (row.name, row.exchange, *(pair.name for pair in row.pairs))
    return any(choice.search.casefold() in text.casefold() for text in texts)


def _sorted(rows: list[StrategyRow], sort: str) -> list[StrategyRow]:
    name = sort.removeprefix("-")
    by_name = sorted(rows, key=SORTS["name"])
    known = [row for row in by_name if SORTS[name](row) is not None]
    unknown = [row for row in by_name if SORTS[name](row) is None]
    return sorted(known, key=SORTS[name], reverse=sort != name) + unknown
