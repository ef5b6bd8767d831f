"""What the fields of the history's form offer."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from signals_app.live_filter import TIMEFRAMES, with_chosen
from signals_app.outcomes.choices import UNDECIDED
from signals_app.outcomes.models import Choice
from signals_app.vocabulary import Level, Priority, SignalType
from strategies.selectors import strategies_all

if TYPE_CHECKING:
    from signals_app.history.asked import Asked

STRATEGIES_NAMED: Final = 500
PAIRS_NAMED: Final = 500
# No strategy has a number of so many digits.
TOO_LONG: Final = 10
# Fields that are folded away unless one of them is in use.
MORE: Final = (
    *(
        "from",
        "to",
        "priority",
        "exchange",
        "strength_from",
        "strength_to",
        "tag",
        "version",
    ),
    *("choice", "first"),
)


def form_choices(asked: Asked) -> dict[str, Any]:
    """Return what is offered, with what is chosen even when it is not known.

    Pairs and exchanges are those of the strategies: looking for them among the signals
    would read all of these.
    """
    # The rest of a configuration holds the code.
    columns = ("name", "config__pairs", "config__exchange")
    rows = strategies_all().order_by("name").values_list(*columns)[:STRATEGIES_NAMED]
    strategies = list(rows)
    names = list(dict.fromkeys(name for name, *_rest in strategies))
    for name in reversed(asked.strategies):
        names = with_chosen(names, name)
    pairs = {pair for _name, found, _at in strategies for pair in _texts(found)}
    exchanges = {exchange for _name, _pairs, exchange in strategies}
    return {
        "strategies": [(name, name in asked.strategies) for name in names],
        "numbered": _named(asked.values["strategy_id"]),
        "pairs": list(islice(sorted(pairs), PAIRS_NAMED)),
        "exchanges": sorted(each for each in exchanges if isinstance(each, str)),
        "timeframes": with_chosen(TIMEFRAMES, asked.values["timeframe"]),
        "types": SignalType.choices,
        "levels": Level.choices,
        "priorities": Priority.values,
        "more": any(asked.values[name] for name in MORE),
        "decisions": [*Choice.choices, (UNDECIDED, _("undecided"))],
    }


def range_fields(asked: Asked) -> dict[str, str]:
    """Return what stands in the two fields of a range, as a browser wants it."""
    wanted, given = asked.wanted, asked.values
    if wanted is None:
        return {"range_from": given["from"], "range_to": given["to"]}
    # The minute that is named belongs to the range.
    ends = {"from": wanted.since, "to": wanted.until - timedelta(minutes=1)}
    return {
        f"range_{name}": f"{timezone.localtime(moment):%Y-%m-%dT%H:%M}"
        if given[name]
        else ""
        for name, moment in ends.items()
    }


def _named(number: str) -> str:
    """Return what the strategy of a number is called now; the number for none."""
    if not (number.isascii() and number.isdecimal() and len(number) < TOO_LONG):
        return ""
    strategy = strategies_all().filter(pk=int(number)).only("name").first()
    return strategy.name if strategy else number


def _texts(found: Any) -> list[str]:
    return [each for each in found if isinstance(each, str)] if found else []
