"""What a draft's form remarks without refusing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.forms.expressions import (
    CANDLE_COLUMNS,
    code_columns,
    expression_names,
)
from freqtrade_mgmt.strategy_code import strategy_inspect
from signals_app.grading import StrengthRule

if TYPE_CHECKING:
    from freqtrade_mgmt.forms.values import DraftValues


def columns_of(code: str) -> list[str]:
    """Return the columns that an expression may read, as far as the code tells."""
    return [*CANDLE_COLUMNS, *sorted(code_columns(code) - {*CANDLE_COLUMNS})]


def hints(values: DraftValues) -> dict[str, str]:
    """Return a sentence by field; a field without one has nothing to remark."""
    config = values["config"]
    code = str(config.get("code", ""))
    found = {"timeframe": _timeframe(code, str(config.get("timeframe", "")))}
    strength = StrengthRule.parse(config.get("strength"))
    known = code_columns(code) | {*CANDLE_COLUMNS}
    if strength.column not in known:
        found["column"] = _(
            "The code names no column “%(column)s”, so what follows decides."
        ) % {"column": strength.column}
    unknown = sorted(expression_names(strength.expression) - known)
    if unknown:
        found["expression"] = _(
            "The code names no column “%(column)s”. Check the spelling."
        ) % {"column": unknown[0]}
    return {field: sentence for field, sentence in found.items() if sentence}


def _timeframe(code: str, chosen: str) -> str:
    try:
        own = strategy_inspect(code).timeframe
    except ConfigurationError:
        return ""
    if not chosen or own == chosen:
        return ""
    return _("The code says %(own)s; the bot will use %(chosen)s instead.") % {
        "own": own,
        "chosen": chosen,
    }
