"""Saying what is wrong with a template, and where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from django.template import TemplateSyntaxError
from django.template.base import Lexer, TokenType
from django.template.defaulttags import CycleNode, FirstOfNode, ForNode, WithNode
from django.utils.translation import gettext as _

from btc_watcher.lib.errors import ConfigurationError
from notifications.rendering.defaults import Texts
from notifications.rendering.library import FILTERS, TAGS
from notifications.rendering.sandbox import compiled
from notifications.rendering.values import COMMON, KINDS, OF_KIND

if TYPE_CHECKING:
    from notifications.rendering.sandbox import PlainTemplate

LANGUAGES: Final = ("zh-hans", "en")
EXAMPLE: Final = "{'signal': {'en': {'title': '…', 'body': '…'}}}"
OPEN: Final = re.compile(r"\{\{|\{%|\{#")
TAG: Final = re.compile(r"Invalid block tag on line \d+: '([^']*)'")
UNCLOSED: Final = re.compile(r"Unclosed tag on line \d+: '([^']*)'")
FILTER: Final = re.compile(r"Invalid filter: '([^']*)'")
# What a tag of ours makes beside the values of the message.
MADE: Final = {"forloop", "True", "False", "None"}


def template_check(text: str, kind: str = "") -> str:
    """Return a sentence that names what is wrong and the line, or nothing.

    With ``kind`` (signal, alert, system or digest) the names of values are looked at
    as well, except for alerts, whose senders add their own.
    """
    if left := _left_open(text):
        line, opening = left
        return _("Line %(line)d: %(opening)s is not closed on the same line.") % {
            "line": line,
            "opening": opening,
        }
    try:
        template = compiled(text)
    except TemplateSyntaxError as error:
        return problem_words(error)
    except RecursionError:
        return _("The tags are nested too deeply.")
    if kind in ("signal", "system", "digest"):
        return _unknown_name(template, kind)
    return ""


def problem_words(error: Exception) -> str:
    """Return what is wrong with a template, in the active language."""
    line = getattr(getattr(error, "token", None), "lineno", None)
    told = str(error)
    if found := TAG.match(told):
        text = _("There is no tag %(name)s here; use %(known)s.") % {
            "name": found[1],
            "known": ", ".join(sorted([*TAGS, "for"])),
        }
    elif found := UNCLOSED.match(told):
        text = _("The tag %(name)s has no end.") % {"name": found[1]}
    elif found := FILTER.match(told):
        known = sorted([*FILTERS, "date", "floatformat", "join"])
        text = _("There is no filter %(name)s here; use %(known)s.") % {
            "name": found[1],
            "known": ", ".join(known),
        }
    else:
        text = told.rstrip(".") + "."
    if line is None:
        return text
    return _("Line %(line)d: %(problem)s") % {"line": line, "problem": text}


def templates_check(templates: object) -> None:
    """Raise ConfigurationError that says which of a channel's templates is wrong."""
    if templates is None:
        return
    for kind, languages in _object(templates, "templates").items():
        _known(kind, KINDS, "templates")
        for language, texts in _object(languages, kind).items():
            _known(language, LANGUAGES, kind)
            for part, text in _object(texts, language).items():
                _known(part, Texts._fields, language)
                if not isinstance(text, str):
                    raise ConfigurationError(
                        _(
                            "The %(part)s of the template %(kind)s, %(language)s is"
                            " %(value)r; use a text."
                        )
                        % {
                            "part": part,
                            "kind": kind,
                            "language": language,
                            "value": text,
                        }
                    )
                if problem := template_check(text, kind):
                    raise ConfigurationError(
                        _("The %(part)s of the template %(kind)s, %(language)s: ")
                        % {"part": part, "kind": kind, "language": language}
                        + problem
                    )


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(
            _("%(key)r is %(value)r; use an object such as %(example)s.")
            % {"key": name, "value": value, "example": EXAMPLE}
        )
    return value


def _known(name: str, known: tuple[str, ...], where: str) -> None:
    if name not in known:
        raise ConfigurationError(
            _("%(key)r holds %(value)r; use %(known)s.")
            % {"key": where, "value": name, "known": ", ".join(known)}
        )


def _left_open(text: str) -> tuple[int, str] | None:
    for token in Lexer(text).tokenize():
        if token.token_type is TokenType.TEXT and (
            found := OPEN.search(token.contents)
        ):
            line = (token.lineno or 1) + token.contents.count("\n", 0, found.start())
            return line, found[0]
    return None


def _unknown_name(template: PlainTemplate, kind: str) -> str:
    known = MADE | COMMON.keys() | OF_KIND[kind].keys() | _made_by_tags(template)
    for name, line in template.used.items():
        if name not in known:
            return _("Line %(line)d: there is no value %(name)s; use %(known)s.") % {
                "line": line,
                "name": name,
                "known": ", ".join([*OF_KIND[kind], *COMMON]),
            }
    return ""


def _made_by_tags(template: PlainTemplate) -> set[str]:
    nodes: Any = template.nodelist
    made: set[str] = set()
    for loop in nodes.get_nodes_by_type(ForNode):
        made.update(loop.loopvars)
    for block in nodes.get_nodes_by_type(WithNode):
        made.update(block.extra_context)
    for node in nodes.get_nodes_by_type(CycleNode):
        made.add(node.variable_name or "")
    for node in nodes.get_nodes_by_type(FirstOfNode):
        made.add(node.asvar or "")
    return made
