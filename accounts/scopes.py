"""What an API token may do on behalf of its person. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from accounts.roles import OPERATE, WRITE

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from accounts.models import User, UserSession


class Scope(StrEnum):
    """A token has any of the first three; one without a list has all rights."""

    READ = "read"
    WRITE = "write"
    OPERATE = "operate"
    # Never given to a token; what asks for it is done by tokens with all rights only.
    ALL = "all"


CHOICES: Final[dict[Scope, _StrPromise]] = {
    Scope.READ: _("read: signals, strategies and everything that pages show"),
    Scope.WRITE: _("write: post signals, change strategies, channels and proxies"),
    Scope.OPERATE: _("operate: start and stop, test, install, back up"),
}


def token_allows(token: UserSession | None, scope: Scope) -> bool:
    """Tell whether ``token`` has ``scope``; None is a login, which has no scopes."""
    return token is None or token.scopes is None or scope in token.scopes


def scope_allowed(user: User, scope: Scope) -> bool:
    """Tell whether a token with ``scope`` would be of any use to ``user``."""
    needed = {Scope.WRITE: WRITE, Scope.OPERATE: OPERATE}.get(scope)
    return needed is None or user.has_perm(needed)
