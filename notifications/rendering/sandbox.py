"""Django's template language for texts that people write into a channel.

It reaches no file and no object: there are no loaders, only the tags and filters of
``library``, and a variable is looked up in dictionaries and lists alone. What a
template may do, and how much it may write, is metered.
"""

from __future__ import annotations

import json
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from django.template import Engine, Node, TemplateSyntaxError
from django.template.base import (
    FilterExpression,
    Lexer,
    Parser,
    Template,
    TextNode,
    TokenType,
    Variable,
    VariableDoesNotExist,
    VariableNode,
)
from django.template.context import Context
from django.utils.translation import gettext_lazy as _

from notifications.rendering.library import LONGEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.template.base import Token

SOURCE_LENGTH: Final = 10_000
OUTPUT_LENGTH: Final = 60_000
WORK: Final = 20_000
MOST_FILTERS: Final = 10
SECONDS: Final = 0.5
# Steps between two looks at the clock, which costs more than most of them.
LOOK_EVERY: Final = 32
# A line of nothing but tags and comments.
SILENT: Final = re.compile(
    r"[ \t]*(?:(?:\{%(?:(?!%\}).)*%\}|\{\#(?:(?!\#\}).)*\#\})[ \t]*)+"
)


class TooMuchError(Exception):
    """A template wrote or worked more than it may."""


class Meter:
    """What one rendering may still write (characters) and do (steps, seconds)."""

    __slots__ = ("ends", "room", "unlooked", "work")

    def __init__(self) -> None:
        self.room = OUTPUT_LENGTH
        self.work = WORK
        self.unlooked = 0
        # Of this thread alone: a busy machine is not the template's fault.
        self.ends = time.thread_time() + SECONDS

    def write(self, length: int) -> None:
        """Count what is written."""
        self.room -= length
        if self.room < 0:
            raise TooMuchError(_("The template writes too much."))

    def charge(self, steps: int) -> None:
        """Count work."""
        self.work -= steps
        self.unlooked += steps
        overdue = False
        if self.unlooked >= LOOK_EVERY:
            self.unlooked = 0
            overdue = time.thread_time() > self.ends
        if overdue or self.work < 0:
            raise TooMuchError(_("The template works too long."))


class PlainContext(Context):
    """Plain values, nothing escaped, and the meter."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(dict(values), autoescape=False, use_l10n=False)
        self.meter = Meter()


class PlainVariable(Variable):
    """A variable that looks into dictionaries and lists, never at attributes."""

    __slots__ = ()

    def _resolve_lookup(self, context: Any) -> Any:
        current: Any = context
        for step in self.lookups or ():
            match current:
                case PlainContext() | dict() if step in current:
                    current = current[step]
                case dict() if step == "items":
                    current = list(current.items())
                case list() | tuple() if step.isdecimal() and int(step) < len(current):
                    current = current[int(step)]
                case _:
                    raise VariableDoesNotExist(
                        "There is no value %s here.", (".".join(self.lookups or ()),)
                    )
        return current


class PlainExpression(FilterExpression):
    """A variable with filters, whose every step is counted."""

    __slots__ = ()

    def __init__(self, token: str, parser: PlainParser) -> None:
        super().__init__(token, parser)
        # The meter sees an expression when it is done, not each of its filters.
        if len(self.filters) > MOST_FILTERS:
            raise TemplateSyntaxError(
                _("There are more than %(most)d filters in a row.")
                % {"most": MOST_FILTERS}
            )
        if self.is_var:
            self.var = self._plain(self.var, parser)
        self.filters = [
            (
                each,
                [
                    (is_var, self._plain(arg, parser) if is_var else arg)
                    for is_var, arg in args
                ],
            )
            for each, args in self.filters
        ]

    @staticmethod
    def _plain(variable: Any, parser: PlainParser) -> PlainVariable:
        plain = PlainVariable(variable.var)
        if plain.lookups:
            parser.used.setdefault(plain.lookups[0], parser.line)
        return plain

    def resolve(self, context: Any, ignore_failures: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        """Return the value after its filters, a text no longer than is sensible."""
        context.meter.charge(1 + len(self.filters))
        value = super().resolve(context, ignore_failures)
        if isinstance(value, str):
            value = value[:LONGEST]
            context.meter.charge(len(value) // 64)
        return value


class PlainText(TextNode):
    """Text between tags; loops repeat it."""

    def render(self, context: Any) -> Any:
        """Return the text."""
        context.meter.write(len(self.s))
        return self.s

    def render_annotated(self, context: Any) -> Any:
        """Return the text."""
        return self.render(context)


class PlainValue(VariableNode):
    """A value as text."""

    def render(self, context: Any) -> Any:
        """Return the value as people read it."""
        text = text_of(self.filter_expression.resolve(context))
        context.meter.write(len(text))
        return text


class PlainParser(Parser):
    """Makes the nodes above; ``used`` are names of values, with their lines."""

    def __init__(self, tokens: list[Token], builtins: list[Any], origin: Any) -> None:
        super().__init__(tokens, {}, builtins, origin)
        self.used: dict[str, int] = {}
        self.line = 1

    def next_token(self) -> Token:
        """Return the next token and remember where it stands."""
        token = super().next_token()
        self.line = token.lineno or self.line
        return token

    def compile_filter(self, token: str) -> FilterExpression:
        """Compile one expression; every tag of ``library`` asks here."""
        return PlainExpression(token, self)

    def extend_nodelist(self, nodelist: Any, node: Node, token: Token) -> None:
        """Put a node into its list."""
        if isinstance(node, TextNode):
            node = PlainText(node.s)
        elif isinstance(node, VariableNode):
            node = PlainValue(node.filter_expression)
        super().extend_nodelist(nodelist, node, token)


class PlainTemplate(Template):
    """A compiled template; ``used`` are the names of values that it asks for."""

    used: Mapping[str, int]

    def compile_nodelist(self) -> Any:
        """Parse the source."""
        parser = PlainParser(
            tokens_of(self.source), self.engine.template_builtins, self.origin
        )
        nodelist = parser.parse()
        self.extra_data = parser.extra_data
        self.used = parser.used
        return nodelist

    def text(self, values: Mapping[str, Any]) -> str:
        """Return the text; raises TooMuchError and whatever a template can do wrong."""
        return str(self.render(PlainContext(values)))


class Sandbox(Engine):
    """An engine that knows our library and nothing else."""

    default_builtins = ["notifications.rendering.library"]


ENGINE: Final = Sandbox(dirs=[], loaders=[], libraries={}, autoescape=False)


@lru_cache(maxsize=512)
def compiled(source: str) -> PlainTemplate:
    """Return the compiled template; TemplateSyntaxError when it is wrong."""
    if len(source) > SOURCE_LENGTH:
        raise TemplateSyntaxError(
            _("The template is longer than %(most)d characters.")
            % {"most": SOURCE_LENGTH}
        )
    return PlainTemplate(source, engine=ENGINE)


def tokens_of(source: str) -> list[Token]:
    """Return the tokens; a line of nothing but tags leaves no empty line behind."""
    silent = {
        number
        for number, line in enumerate(source.split("\n"), 1)
        if SILENT.fullmatch(line)
    }
    tokens = Lexer(source).tokenize()
    for token in tokens:
        if token.token_type is TokenType.TEXT and silent:
            lines = token.contents.split("\n")
            pieces = [
                "" if (token.lineno or 1) + place in silent else line + "\n"
                for place, line in enumerate(lines)
            ]
            # The last piece has no end of line of its own.
            token.contents = "".join(pieces)
            if (token.lineno or 1) + len(lines) - 1 not in silent:
                token.contents = token.contents[:-1]
    return tokens


def text_of(value: Any) -> str:
    """Return a value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return json.dumps(value)
    match value:
        case float():
            text = number_text(value)
        case dict():
            text = ", ".join(f"{name} {text_of(each)}" for name, each in value.items())
        case list() | tuple():
            text = ", ".join(text_of(each) for each in value)
        case _:
            text = str(value)
    return text


def number_text(value: float) -> str:
    """Return a number with six digits that count, and never with an exponent of ten."""
    digits = f"{value:.6g}"
    if "e" not in digits:
        return digits
    text = f"{value:.0f}" if abs(value) >= 1 else f"{value:.12f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
