"""The first values of a draft, by how it begins; and the forms that ask for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.blueprints import Blueprint, blueprint, blueprint_code, blueprints
from freqtrade_mgmt.bot_config import SIMULATED
from freqtrade_mgmt.forms.fields import CodeField, uploaded_code
from freqtrade_mgmt.strategy_code import StrategyFacts, strategy_check
from freqtrade_mgmt.trial.words import problem_shown
from strategies.models import Strategy
from strategies.rules import DEFAULT_THRESHOLDS, NAME_LENGTH
from strategies.selectors import name_taken, strategies_all
from strategies.versions import config_run, without_live

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

    from freqtrade_mgmt.forms.values import DraftValues

PAIRS: Final = ("BTC/USDT",)
TIMEFRAME: Final = "5m"
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class TemplateForm(forms.Form):
    """Begin with a template."""

    template = forms.CharField(max_length=50)

    def clean_template(self) -> Blueprint:
        """Return the template itself."""
        names = {known.name for known in blueprints()}
        if self.cleaned_data["template"] not in names:
            raise ValidationError(_("There is no such template. Choose one below."))
        return blueprint(self.cleaned_data["template"])


class UploadForm(forms.Form):
    """Begin with a file."""

    file = forms.FileField(
        label=gettext_lazy("Python file"),
        help_text=gettext_lazy("One class that derives from IStrategy; up to 500 kB."),
        widget=forms.FileInput(attrs={"accept": ".py,text/x-python"}),
    )

    def clean_file(self) -> tuple[str, str, StrategyFacts]:
        """Return the file's name, its text and what the text says about itself."""
        upload: UploadedFile[bytes] = self.cleaned_data["file"]
        code = uploaded_code(upload)
        return str(upload.name), code, _facts(code)


class PasteForm(forms.Form):
    """Begin with text."""

    code = CodeField(label=gettext_lazy("Source code"))

    def clean_code(self) -> tuple[str, StrategyFacts]:
        """Return the text and what it says about itself."""
        code: str = self.cleaned_data["code"]
        return code, _facts(code)


class CopyForm(forms.Form):
    """Begin with what another strategy runs."""

    strategy = forms.ModelChoiceField(
        label=gettext_lazy("Strategy"),
        queryset=Strategy.objects.none(),
        empty_label=gettext_lazy("Choose …"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["strategy"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = strategies_all().order_by("name")


def values_of_template(template: Blueprint) -> DraftValues:
    """Return a draft of a template with its usual parameters."""
    class_name = "".join(part.capitalize() for part in template.name.split("_"))
    class_name = f"{class_name}Strategy"
    parameters = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in template.defaults().items()
    }
    config = {
        "class_name": class_name,
        "code": blueprint_code(template.name, class_name, TIMEFRAME, parameters),
        "timeframe": TIMEFRAME,
        "template": {"name": template.name, "parameters": parameters},
    }
    return _values(str(template.title), config)


def values_of_code(code: str, facts: StrategyFacts) -> DraftValues:
    """Return a draft of source text."""
    config = {
        "class_name": facts.class_name,
        "code": code,
        "timeframe": facts.timeframe,
    }
    words = _WORDS.sub(" ", facts.class_name).replace("_", " ")
    return _values(words, config)


def values_of_copy(original: Strategy) -> DraftValues:
    """Return a draft of what another strategy runs, without its leave to trade."""
    return {
        "name": free_name(_("%(name)s (copy)") % {"name": original.name}),
        "description": original.description or "",
        "type": original.type,
        "config": config_run(original.config),
        "freqtrade_config": without_live(original.freqtrade_config),
        "signal_thresholds": dict(original.signal_thresholds),
    }


def free_name(wanted: str) -> str:
    """Return ``wanted``, or with the first number behind it that makes it free."""
    name, number = wanted[:NAME_LENGTH], 1
    while name_taken(name):
        number += 1
        end = f" {number}"
        name = wanted[: NAME_LENGTH - len(end)] + end
    return name


def _facts(code: str) -> StrategyFacts:
    try:
        return strategy_check(code)
    except ConfigurationError as error:
        raise ValidationError(problem_shown(error)) from error


def _values(name: str, config: dict[str, Any]) -> DraftValues:
    exchange = SIMULATED if settings.DEMO else "binance"
    return {
        "name": free_name(name),
        "description": "",
        "type": Strategy.Type.SIGNAL_MONITOR,
        "config": config | {"exchange": exchange, "pairs": list(PAIRS)},
        "freqtrade_config": {},
        "signal_thresholds": dict(DEFAULT_THRESHOLDS),
    }
