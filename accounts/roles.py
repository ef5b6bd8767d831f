"""Roles: what viewer, operator and administrator may do. Pure tables and one question.

A role is a group of the same name; its permissions are made after every migration (see
``accounts.role_groups``). Whoever may log in may read; roles add to that.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.utils.functional import _StrPromise

    from accounts.models import User

WRITE: Final = "accounts.write"
OPERATE: Final = "accounts.operate"
ADMINISTER: Final = "accounts.administer"
EVERYTHING: Final = "*"


class Role(StrEnum):
    """The roles, from the one that may least; the values are names of groups."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


NAMES: Final[dict[Role, _StrPromise]] = {
    Role.VIEWER: _("Viewer"),
    Role.OPERATOR: _("Operator"),
    Role.ADMINISTRATOR: _("Administrator"),
}
EXPLAINED: Final[dict[Role, _StrPromise]] = {
    Role.VIEWER: _("reads everything and changes nothing"),
    Role.OPERATOR: _(
        "also writes and operates: strategies, channels, proxies, versions, backups"
    ),
    Role.ADMINISTRATOR: _(
        "also users, roles, live trading, uploaded code and the audit"
    ),
}
# What an operator may do beyond reading; "app.*" is all of an app but what follows.
OPERATOR_MAY: Final = (
    WRITE,
    OPERATE,
    "strategies.*",
    "signals_app.*",
    "notifications.*",
    "proxies.*",
    "freqtrade_mgmt.*",
    "monitoring.*",
    "django_celery_beat.*",
)
# Running foreign code on the machine and handing over keys of an exchange are for
# administrators, who may give the single permission to an operator.
ADMINISTRATOR_ONLY: Final = frozenset(
    {"strategies.upload_code", "strategies.trade_live"}
)
# Whose rows only administrators see.
PRIVATE_APPS: Final = frozenset({"accounts", "auth", "admin", "sessions"})


def allows(role: Role, permission: str) -> bool:
    """Tell whether ``role`` has ``permission`` ("app.codename")."""
    if role is Role.ADMINISTRATOR:
        return True
    app, _dot, codename = permission.partition(".")
    if codename.startswith("view_") and app not in PRIVATE_APPS:
        return True
    if role is Role.VIEWER or permission in ADMINISTRATOR_ONLY:
        return False
    return permission in OPERATOR_MAY or f"{app}.*" in OPERATOR_MAY


def role_needed(permission: str) -> Role:
    """Return the lowest role that has ``permission``."""
    return next(role for role in Role if allows(role, permission))


def role_of(user: User | AnonymousUser) -> Role:
    """Return the highest role of a person; one without a group is a viewer."""
    if user.has_perm(ADMINISTER):
        return Role.ADMINISTRATOR
    return Role.OPERATOR if user.has_perm(OPERATE) else Role.VIEWER
