"""What people read: a message in a channel's words, language and zone."""

from __future__ import annotations

from notifications.rendering.checking import template_check, templates_check
from notifications.rendering.defaults import Texts, default_templates
from notifications.rendering.render import Rendered, preview, render, title_default

__all__ = [
    "Rendered",
    "Texts",
    "default_templates",
    "preview",
    "render",
    "template_check",
    "templates_check",
    "title_default",
]
