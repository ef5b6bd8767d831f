"""``render``: the channel's template, or the default one where it fails."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from django.template import TemplateSyntaxError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from notifications.messages import TITLE_LENGTH, Message, storable
from notifications.rendering.checking import problem_words
from notifications.rendering.defaults import PLAIN, Texts, default_templates
from notifications.rendering.sandbox import TooMuchError, compiled
from notifications.rendering.values import (
    is_told_by_context,
    kind_of,
    values_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

logger = logging.getLogger(__name__)


class Channel(Protocol):
    """A channel, as far as its templates go."""

    @property
    def id(self) -> int:
        """Return its number."""

    @property
    def config(self) -> Any:
        """Return its configuration."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What people read. ``problem`` says why it is not what the channel asked for."""

    title: str
    body: str
    problem: str = ""


class BlankError(Exception):
    """A title came out without a letter."""


def render(
    channel: Channel, message: Message, language: str, zone: ZoneInfo
) -> Rendered:
    """Return ``message`` for the people of ``channel``.

    A template of the channel that fails is replaced by the default one, which is
    logged; the message is never lost.
    """
    own = own_templates(channel.config, kind_of(message), language)
    rendered = rendered_with(message, own, language, zone)
    if rendered.problem:
        logger.warning(
            "The template %s of channel %s was replaced by the default: %s",
            kind_of(message),
            channel.id,
            rendered.problem,
        )
    return rendered


def preview(
    message: Message, templates: Mapping[str, Any], language: str, zone: ZoneInfo
) -> Rendered:
    """Return what ``message`` would be with ``templates``, shaped like a channel's.

    ``problem`` says, in the active language, what is wrong with them.
    """
    own = own_templates({"templates": templates}, kind_of(message), language)
    return rendered_with(message, own, language, zone)


def title_default(message: Message, language: str, zone: ZoneInfo) -> str:
    """Return the title of ``message`` by the default template, in ``language``."""
    message = message.said_in(language)
    if not is_told_by_context(message):
        return message.title
    with override(language), timezone.override(zone):
        values = values_of(message, language, zone)
        title = compiled(default_templates("signal", language).title).text(values)
    return one_line(title) or message.title


def own_templates(config: Any, kind: str, language: str) -> Texts | None:
    """Return the channel's own templates; a part that it lacks is empty."""
    found: Any = config
    for key in ("templates", kind, language):
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return None
    title, body = found.get("title"), found.get("body")
    own = Texts(
        title if isinstance(title, str) else "", body if isinstance(body, str) else ""
    )
    return own if any(own) else None


def rendered_with(
    message: Message, own: Texts | None, language: str, zone: ZoneInfo
) -> Rendered:
    """Return ``message`` by ``own`` templates and by the defaults where these lack."""
    message = message.said_in(language)
    with override(language), timezone.override(zone):
        values = values_of(message, language, zone)
        default = _default(message, values, language)
        if own is None:
            return Rendered(default.title, default.body)
        values |= default._asdict()
        title, title_problem = _part(own.title, values, default.title)
        body, body_problem = _part(own.body, values, default.body)
    title = one_line(title)
    problem = title_problem or body_problem or (None if title else BlankError())
    # In the language of whoever reads the history, not of the receiver.
    if problem:
        return Rendered(default.title, default.body, _problem_words(problem))
    return Rendered(title, body_text(body))


def one_line(text: str) -> str:
    """Return a title as the outbox keeps it."""
    return " ".join(storable(text).split())[:TITLE_LENGTH]


def body_text(text: str) -> str:
    """Return a body without idle space."""
    lines = (line.rstrip() for line in storable(text).splitlines())
    return "\n".join(lines).strip()


def _default(message: Message, values: Mapping[str, Any], language: str) -> Texts:
    """Return the default texts; a message that needs no template is as it is."""
    templates = PLAIN
    if is_told_by_context(message):
        templates = default_templates("signal", language)
    elif not values.get("url"):
        return Texts(message.title, message.body)
    title, title_problem = _part(templates.title, values, message.title)
    body, body_problem = _part(templates.body, values, message.body)
    for problem in (title_problem, body_problem):
        if problem is not None:
            logger.error("The default template failed: %s", _problem_words(problem))
    return Texts(one_line(title) or message.title, body_text(body))


def _part(
    template: str, values: Mapping[str, Any], default: str
) -> tuple[str, Exception | None]:
    if not template.strip():
        return default, None
    try:
        return compiled(template).text(values), None
    except Exception as error:  # noqa: BLE001 - whatever people wrote, the message goes out
        return default, error


def _problem_words(error: Exception) -> str:
    match error:
        case TemplateSyntaxError():
            return problem_words(error)
        case TooMuchError():
            return str(error)
        case BlankError():
            return _("The title is empty.")
        case RecursionError():
            return _("The tags are nested too deeply.")
        case _:
            # Its own words may hold what the message holds.
            return _("It failed with %(error)s.") % {"error": type(error).__name__}
