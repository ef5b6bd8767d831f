"""The form of one draft: everything that a strategy is made of."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.blueprints import blueprint_code, parameters_clean
from freqtrade_mgmt.bot_config import SIMULATED
from freqtrade_mgmt.bot_extra import OUR_KEYS, extra_check
from freqtrade_mgmt.forms import choices
from freqtrade_mgmt.forms.expressions import expression_problem
from freqtrade_mgmt.forms.fields import CodeField, PairsField, SettingsField
from freqtrade_mgmt.forms.parameters import parameter_fields, parameters_given
from freqtrade_mgmt.forms.values import (
    PARAMETER,
    DraftValues,
    draft_values,
    form_data,
    template_of,
)
from freqtrade_mgmt.strategy_code import MAXIMUM_BYTES, strategy_check
from freqtrade_mgmt.trial.words import problem_shown
from proxies.words import POLICY_WORDS
from strategies.drafts import is_edit
from strategies.models import Strategy
from strategies.rules import EXCHANGE, NAME_LENGTH, name_cleaned
from strategies.selectors import name_taken

if TYPE_CHECKING:
    from django.http import QueryDict

_QUIET: Final = {"autocomplete": "off"}
_PLAIN: Final = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


def _level(label: Any) -> forms.FloatField:
    return forms.FloatField(
        label=label,
        min_value=0,
        max_value=100,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )


class DraftForm(forms.Form):
    """Bound to what was posted, or to the stored draft when nothing was.

    ``may_code`` decides whether source text may be changed: without it the form has
    no field for it, and what is posted under that name is not read.
    """

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=NAME_LENGTH,
        help_text=gettext_lazy("Signals and notifications carry it."),
        widget=forms.TextInput(attrs=_QUIET),
    )
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    type = forms.ChoiceField(
        label=gettext_lazy("Type"),
        choices=Strategy.Type.choices,
        help_text=gettext_lazy(
            "Trades are paper trades until an operator turns real trading on."
        ),
    )
    exchange = forms.ChoiceField(label=gettext_lazy("Exchange"))
    exchange_other = forms.CharField(
        label=gettext_lazy("Name of the exchange"),
        required=False,
        max_length=50,
        help_text=gettext_lazy("As freqtrade writes it, such as bitvavo."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    timeframe = forms.ChoiceField(label=gettext_lazy("Timeframe"))
    pairs = PairsField(
        label=gettext_lazy("Pairs"),
        help_text=gettext_lazy("One a line, or separated by commas."),
    )
    strong = _level(gettext_lazy("Strong from"))
    medium = _level(gettext_lazy("Medium from"))
    weak = _level(gettext_lazy("Weak from"))
    column = forms.CharField(
        label=gettext_lazy("Column"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("A column of the dataframe that holds 0 to 100."),
        widget=forms.TextInput(attrs=_PLAIN | {"class": "mono"}),
    )
    expression = forms.CharField(
        label=gettext_lazy("Expression"),
        required=False,
        max_length=300,
        help_text=gettext_lazy(
            "Computed from columns, such as 100 - rsi or min(100, adx * 2)."
        ),
        widget=forms.TextInput(attrs=_PLAIN | {"class": "mono"}),
    )
    default = forms.FloatField(
        label=gettext_lazy("Fixed value"),
        min_value=0,
        max_value=100,
        help_text=gettext_lazy("When nothing else gives one; signals then say so."),
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )
    notify_every = forms.IntegerField(
        label=gettext_lazy("Remind every n-th candle"),
        required=False,
        min_value=2,
        max_value=10_000,
        help_text=gettext_lazy(
            "While a mark stays set. Empty: only the first candle is told."
        ),
    )
    version = forms.ChoiceField(label=gettext_lazy("freqtrade"), required=False)
    proxy = forms.ChoiceField(
        label=gettext_lazy("Route to the exchange"), required=False
    )
    proxy_policy = forms.ChoiceField(
        label=gettext_lazy("When the proxy is out"),
        required=False,
        choices=POLICY_WORDS,
        help_text=gettext_lazy("It goes back by itself when the proxy is well again."),
    )
    own_process = forms.BooleanField(
        label=gettext_lazy("A process of its own"),
        required=False,
        help_text=gettext_lazy(
            "Strategies that only watch share processes, which saves most of the memory."
        ),
    )
    extra = SettingsField(
        label=gettext_lazy("Further freqtrade settings"),
        required=False,
        help_text=gettext_lazy(
            "A JSON object for the bot's configuration; most strategies need none."
        ),
    )

    def __init__(
        self, draft: Strategy, data: QueryDict | None = None, *, may_code: bool
    ) -> None:
        self.posted = form_data(draft) if data is None else data
        super().__init__(self.posted)
        self.draft = draft
        self.edits = is_edit(draft)
        self.template = template_of(draft.config)
        self.may_code = may_code and self.template is None
        self._rough_code: str | None = None
        stored = draft.freqtrade_config
        self.installed = choices.versions_installed()
        offered: dict[str, choices.Choices] = {
            "exchange": choices.exchange_choices(),
            "timeframe": choices.timeframe_choices(draft.config.get("timeframe", "")),
            "version": choices.version_choices(
                str(stored.get("version", "")), self.installed
            ),
            "proxy": choices.proxy_choices(str(stored.get("proxy", ""))),
        }
        for name, values in offered.items():
            field = self.fields[name]
            if isinstance(field, forms.ChoiceField):
                field.choices = values
        if self.template is not None:
            self.fields.update(parameter_fields(self.template))
        if self.may_code:
            self.fields["code"] = CodeField(label=gettext_lazy("Source code"))

    @cached_property
    def values(self) -> DraftValues:
        """What is to be stored: valid fields as posted, others as they were."""
        self.full_clean()
        # Source text is kept while it does not parse yet: people type one line a time.
        rough = {} if self._rough_code is None else {"code": self._rough_code}
        return draft_values(self.draft, rough | self.cleaned_data)

    def invalid_texts(self) -> dict[str, list[str]]:
        """Return what was typed into the fields that are not valid, so it is kept."""
        return {
            name: [str(text) for text in self.posted.getlist(name)]
            for name in self.fields
            if name in self.errors and name != "code"
        }

    def shown_while_typing(self) -> Self:
        """Drop the errors of fields that are still empty, and return the form.

        Afterwards it tells no longer whether it is valid: ask before.
        """
        for name in list(self.errors):
            if name in self.fields and not any(
                text.strip() for text in self.posted.getlist(name)
            ):
                del self.errors[name]
        return self

    def clean_name(self) -> str:
        """Refuse a name that another strategy has, in whatever capitals."""
        name = name_cleaned(self.cleaned_data["name"])
        if name_taken(name, but=self.draft.parent_strategy_id if self.edits else None):
            raise ValidationError(
                _(
                    "There is a strategy “%(name)s” already (capitals make no"
                    " difference). Choose another name."
                ),
                params={"name": name},
            )
        return name

    def clean_description(self) -> str:
        """Return it with plain line ends, so that nothing changes by being shown."""
        return str(self.cleaned_data["description"]).replace("\r\n", "\n")

    def clean_expression(self) -> str:
        """Try the expression on made-up candles."""
        expression = str(self.cleaned_data["expression"]).strip()
        if expression and (problem := expression_problem(expression)):
            raise ValidationError(problem)
        return expression

    def clean_version(self) -> str:
        """Refuse a release that is not there (any more)."""
        version = str(self.cleaned_data["version"])
        if version and version not in self.installed:
            raise ValidationError(
                _("freqtrade %(version)s is not installed. Choose another release."),
                params={"version": version},
            )
        return version

    def clean_code(self) -> str:
        """Check what the source text says about itself, without running it."""
        code: str = self.cleaned_data["code"]
        if len(code) <= MAXIMUM_BYTES:
            self._rough_code = code
        try:
            facts = strategy_check(code)
        except ConfigurationError as error:
            raise ValidationError(problem_shown(error)) from error
        self.cleaned_data["class_name"] = facts.class_name
        return code

    def clean(self) -> dict[str, Any]:
        """Check what several fields say together."""
        self._clean_exchange()
        self._clean_thresholds()
        self._clean_extra()
        self._clean_parameters()
        self._check_stored_code()
        return self.cleaned_data

    def _clean_exchange(self) -> None:
        if self.cleaned_data.get("exchange") != choices.OTHER:
            return
        name = str(self.cleaned_data.get("exchange_other", "")).strip().lower()
        if EXCHANGE.fullmatch(name) and name != SIMULATED:
            self.cleaned_data["exchange"] = name
            return
        self.add_error(
            "exchange_other",
            _(
                "Write the exchange as freqtrade does, in small letters, such as bitvavo."
            ),
        )
        self.cleaned_data.pop("exchange", None)

    def _clean_thresholds(self) -> None:
        found = [self.cleaned_data.get(name) for name in ("strong", "medium", "weak")]
        for name, value, lower in (
            ("strong", found[0], found[1]),
            ("medium", found[1], found[2]),
        ):
            if value is not None and lower is not None and value <= lower:
                self.add_error(
                    name,
                    _("Must be above %(lower)g, where the next weaker level begins.")
                    % {"lower": lower},
                )

    def _clean_extra(self) -> None:
        extra = self.cleaned_data.get("extra")
        if not extra:
            return
        if ours := [key for key in OUR_KEYS if key in extra]:
            message = _("“%(key)s” has its own place on these pages; remove it here.")
            self.add_error("extra", message % {"key": ours[0]})
            return
        simulated = self.cleaned_data.get("exchange") == SIMULATED
        try:
            extra_check(extra, simulated=simulated)
        except ConfigurationError as error:
            self.add_error("extra", error.message)

    def _check_stored_code(self) -> None:
        """Check the source text of somebody else, which this person cannot change."""
        if self.template is not None or self.may_code:
            return
        try:
            strategy_check(self.draft.config.get("code", ""))
        except ConfigurationError as error:
            self.add_error(None, problem_shown(error))

    def _clean_parameters(self) -> None:
        if self.template is None:
            return
        given = parameters_given(self.template, self.cleaned_data)
        values, problems = parameters_clean(self.template, given)
        for name, sentence in problems.items():
            self.add_error(PARAMETER + name, sentence)
        if problems or not self.cleaned_data.get("timeframe"):
            return
        # As JSON gives it back, so that a draft that is not changed stays equal.
        stored = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }
        self.cleaned_data["template"] = {
            "name": self.template.name,
            "parameters": stored,
        }
        self.cleaned_data["code"] = blueprint_code(
            self.template.name,
            self.draft.config["class_name"],
            self.cleaned_data["timeframe"],
            stored,
        )
