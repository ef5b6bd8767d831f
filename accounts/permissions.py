"""Who may do what: the one place that decides, for pages, API and WebSockets.

Pages: every view is under one of ``anyone``, ``own``, ``reads``, ``needs``,
``changes_need`` and ``staff_only``, which leave their rule on it as ``access``. API: one of the classes
``CanRead``, ``CanWrite``, ``CanOperate``, ``CanAdminister``, which ask the person's
permissions and the token's scopes. WebSockets: ``may_listen``. The admin asks Django's
permissions, which roles give (``accounts.roles``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from rest_framework.permissions import SAFE_METHODS, BasePermission

from accounts.models import UserSession
from accounts.roles import (
    ADMINISTER,
    NAMES,
    OPERATE,
    WRITE,
    Role,
    role_needed,
    role_of,
)
from accounts.scopes import Scope, token_allows
from btc_watcher.lib.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import AnonymousUser
    from django.http import HttpRequest
    from rest_framework.request import Request
    from rest_framework.views import APIView

    from accounts.models import User


# A view, synchronous or not, and the same view behind its rule.
View = TypeVar("View", bound="Callable[..., Any]")
READING: Final = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Access:
    """The rule of a view: ``who`` is anyone, own, reads, needs, changes_need or staff.

    Any one of ``permissions`` is enough.
    """

    who: str
    permissions: tuple[str, ...] = ()


def anyone(view: View) -> View:
    """Mark a view that needs nobody: the login, health, a language."""
    return _ruled(view, Access("anyone"))


def own(view: View) -> View:
    """Let in whoever is logged in: all that the view changes is the person's own."""
    return _ruled(login_required(view), Access("own"))


def reads(view: View) -> View:
    """Let in whoever is logged in, to read only: other methods are answered 405."""
    return _ruled(login_required(require_safe(view)), Access("reads"))


def needs(*permissions: str) -> Callable[[View], View]:
    """Let in people with one of these; others get the login or a 403 that says why."""

    def wrap(view: View) -> View:
        return _ruled(_guarded(view, permissions, ()), Access("needs", permissions))

    return wrap


def changes_need(*permissions: str) -> Callable[[View], View]:
    """Let everybody read; what is no GET or HEAD needs one of these."""

    def wrap(view: View) -> View:
        guarded = _guarded(view, permissions, READING)
        return _ruled(guarded, Access("changes_need", permissions))

    return wrap


def staff_only(view: View, *permissions: str) -> View:
    """Let in people who may use the admin, and have one of ``permissions`` if any."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not getattr(request.user, "is_staff", False):
            raise PermissionDenied
        if permissions:
            refuse_unless(request.user, *permissions)
        return view(request, *args, **kwargs)

    return _ruled(cast("View", login_required(wrapped)), Access("staff", permissions))


def why_not(user: User | AnonymousUser, *permissions: str) -> str:
    """Return the sentence that says why ``user`` may not, or nothing when they may."""
    if any(user.has_perm(permission) for permission in permissions):
        return ""
    lowest = min(map(role_needed, permissions), key=list(Role).index)
    return _("This is for the role %(needed)s; yours is %(role)s.") % {
        "needed": NAMES[lowest],
        "role": NAMES[role_of(user)],
    }


def refuse_unless(user: User | AnonymousUser, *permissions: str) -> None:
    """Raise RefusedError with that sentence."""
    if reason := why_not(user, *permissions):
        raise RefusedError(reason)


def may_listen(scope: Mapping[str, Any], permission: str = "") -> bool:
    """Tell whether who opened a WebSocket may hear what it says.

    A login may read; a token (``scope["token"]``, its row) needs the scope read.
    ``permission`` is asked for besides.
    """
    user = scope["user"]
    if not user.is_authenticated or not token_allows(scope.get("token"), Scope.READ):
        return False
    return not permission or bool(user.has_perm(permission))


class _Can(BasePermission):
    """Reading needs the token's scope read; everything else ``scope`` and a permission.

    The permission is the view's ``permission``: a name, or names by method, of which a
    missing one means the class's own. Without a token, as from a page, there is no
    scope to ask for.
    """

    scope: ClassVar[Scope] = Scope.READ
    permission: ClassVar[str] = WRITE
    # Whether reading needs the permission as well.
    private: ClassVar[bool] = False

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether this request may be answered; ``message`` says why not."""
        user = request.user
        if not user.is_authenticated:
            return False
        reading = request.method in SAFE_METHODS
        scope = Scope.READ if reading else self.scope
        token = request.auth if isinstance(request.auth, UserSession) else None
        if not token_allows(token, scope):
            self.message = _(
                "This token may not do that: it lacks the scope %(scope)s."
            ) % {"scope": scope}
            return False
        if reading and not self.private:
            return True
        self.message = why_not(user, self.permission_of(request.method or "", view))
        return not self.message

    def permission_of(self, method: str, view: APIView) -> str:
        """Return the permission that ``view`` asks for."""
        wanted = getattr(view, "permission", None)
        if isinstance(wanted, Mapping):
            wanted = wanted.get(method)
        return wanted or self.permission


class CanRead(_Can):
    """For addresses that only answer; a change would need the permission to write."""

    scope = Scope.WRITE


class CanWrite(_Can):
    """For making, changing and removing: scope write."""

    scope = Scope.WRITE


class CanOperate(_Can):
    """For starting, stopping, testing, installing: scope operate."""

    scope = Scope.OPERATE
    permission = OPERATE


class CanAdminister(_Can):
    """For users, roles and the audit: also reading is for administrators.

    Changes need a token with all rights, which those with scopes are not.
    """

    scope = Scope.ALL
    permission = ADMINISTER
    private = True


def _guarded(
    view: View, permissions: tuple[str, ...], open_methods: tuple[str, ...]
) -> View:
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method not in open_methods:
            refuse_unless(request.user, *permissions)
        return view(request, *args, **kwargs)

    return cast("View", login_required(wrapped))


def _ruled(view: View, rule: Access) -> View:
    view.access = rule  # type: ignore[attr-defined]  # a note on the function
    return view
