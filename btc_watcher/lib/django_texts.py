"""Texts of Django itself that its own Chinese catalogue lacks.

Marked here, so that our catalogue, which comes first, holds them.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_noop, ngettext_lazy

DJANGO_TEXTS: Final = (
    gettext_noop("Model name"),
    gettext_noop("Add link"),
    gettext_noop("Change or view list link"),
    gettext_noop("Error:"),
    gettext_noop("Forgotten your login credentials?"),
    gettext_noop(
        "After you\u2019ve created a user, you\u2019ll be able to edit more user options."
    ),
    gettext_noop("In case you\u2019ve forgotten, you are:"),
    gettext_noop("%(model)s instance with %(field)s %(value)r is not a valid choice."),
)
PASSWORD_TOO_SHORT: Final = ngettext_lazy(
    "This password is too short. It must contain at least %d character.",
    "This password is too short. It must contain at least %d characters.",
)
