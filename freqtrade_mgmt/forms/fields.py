"""Fields that take what traders type: pairs, JSON settings, strategy source text."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.strategy_code import MAXIMUM_BYTES, strategy_text
from freqtrade_mgmt.trial.words import StrategyCodeError, problem_shown
from strategies.rules import PAIR, PAIR_LENGTH

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

_SEPARATORS: Final = re.compile(r"[\s,;\uff0c\u3001\uff1b]+")


class PairsField(forms.CharField):
    """Trading pairs, one a line or separated by commas; gives a list such as BTC/USDT."""

    widget = forms.Textarea(
        attrs={
            "rows": 4,
            "class": "mono",
            "spellcheck": "false",
            "autocapitalize": "characters",
            "placeholder": "BTC/USDT",
        }
    )

    def clean(self, value: Any) -> list[str]:
        """Return the pairs in capitals, each once, in the order in which they stand."""
        text = str(super().clean(value))
        pairs = list(dict.fromkeys(_pair(word) for word in _SEPARATORS.split(text)))
        pairs = [pair for pair in pairs if pair]
        wrong = [
            pair
            for pair in pairs
            if not PAIR.fullmatch(pair) or len(pair) > PAIR_LENGTH
        ]
        if wrong:
            raise ValidationError(
                _("“%(pair)s” is not a trading pair. Write it like BTC/USDT."),
                params={"pair": wrong[0]},
            )
        quotes = list(dict.fromkeys(quote_of(pair) for pair in pairs))
        if len(quotes) > 1:
            raise ValidationError(
                _(
                    "The pairs are priced in different currencies (%(quotes)s). One bot"
                    " watches pairs of one currency; make a strategy for each."
                ),
                params={"quotes": ", ".join(quotes)},
            )
        return pairs


def quote_of(pair: str) -> str:
    """Return the currency that a pair is priced in: USDT of BTC/USDT or BTC/USDT:USDT."""
    return pair.partition("/")[2].partition(":")[0]


def _pair(word: str) -> str:
    """Return a word as exchanges write pairs: btc-usdt and BTC_USDT are BTC/USDT."""
    return re.sub(r"^([A-Z0-9]+)[-_]([A-Z0-9]+)$", r"\1/\2", word.strip().upper())


class SettingsField(forms.CharField):
    """A JSON object with further settings of freqtrade; gives a dict."""

    widget = forms.Textarea(
        attrs={
            "rows": 6,
            "class": "mono",
            "spellcheck": "false",
            "autocapitalize": "none",
            "autocomplete": "off",
        }
    )

    def clean(self, value: Any) -> dict[str, Any]:
        """Parse; an empty text is an empty object."""
        text = str(super().clean(value))
        if not text:
            return {}
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValidationError(
                _("This is not JSON: line %(line)d, column %(column)d: %(problem)s."),
                params={
                    "line": error.lineno,
                    "column": error.colno,
                    "problem": error.msg,
                },
            ) from error
        except RecursionError as error:
            raise ValidationError(_("This JSON is nested too deeply.")) from error
        if not isinstance(found, dict):
            raise ValidationError(
                _('Write an object with named settings, such as {"stake_amount": 50}.')
            )
        return found


class CodeField(forms.CharField):
    """Source text of a strategy, as it was typed."""

    widget = forms.Textarea(
        attrs={
            "rows": 24,
            "class": "code",
            "wrap": "off",
            "spellcheck": "false",
            "autocapitalize": "none",
            "autocomplete": "off",
        }
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)

    def clean(self, value: Any) -> str:
        """Return the text with plain line ends, which browsers send as CR LF."""
        return str(super().clean(value)).replace("\r\n", "\n").replace("\r", "\n")


def uploaded_code(upload: UploadedFile[bytes]) -> str:
    """Return the text of an uploaded strategy; raises ValidationError, naming the file."""
    name = str(upload.name or "")
    if not name.lower().endswith(".py"):
        raise ValidationError(
            _("“%(name)s” is no Python file. Choose a file that ends in .py."),
            params={"name": name},
        )
    size = upload.size or 0
    try:
        if size > MAXIMUM_BYTES:
            limit = MAXIMUM_BYTES // 1000
            raise StrategyCodeError("too_large", size=-(-size // 1000), limit=limit)
        text = strategy_text(upload.read())
    except ConfigurationError as error:
        raise ValidationError(f"{name}: {problem_shown(error)}") from error
    if "\0" in text:
        raise ValidationError(
            _("“%(name)s” holds zero bytes, so it is no source text."),
            params={"name": name},
        )
    return text
