"""The API of a person's own account: preferences, sessions and tokens."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import available_timezones

from django.db import transaction
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.response import Response

from accounts import services
from accounts.api_display import (
    DISPLAY,
    DisplaySerializer,
    display_answer,
    display_changed,
)
from accounts.display import Display, follows_browser
from accounts.facts import request_facts
from accounts.models import User, UserSession
from accounts.roles import role_of
from accounts.scopes import CHOICES, Scope, token_allows
from accounts.selectors import SESSION_TOKEN, session_view, sessions_of
from btc_watcher.lib.api.answers import anything, flag, moment, one, shape, text
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation, paged
from btc_watcher.lib.api.moments import moment_text
from btc_watcher.lib.api.paging import PageQuery, page_of
from btc_watcher.lib.api.strict import only_known
from btc_watcher.lib.api.tags import match_require

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request
    from rest_framework.views import APIView

    from accounts.selectors import SessionView as Shown

LONGEST_DAYS: Final = 3_650
ME = shape(
    "Me",
    "Who asks.",
    {
        "username": text(),
        "role": text("viewer, operator or administrator."),
        "language": text("zh-CN or en."),
        "timezone": text("Such as Asia/Shanghai."),
        "quiet_hours": anything("from, to and passes; null without.", null=True),
        "display": one(DISPLAY),
        "scopes": serializers.ListField(
            child=serializers.CharField(),
            allow_null=True,
            help_text="Of the token that asks; null is all rights.",
        ),
        "created_at": moment(),
    },
)
_SESSION: Final = {
    "id": serializers.UUIDField(),
    "kind": text("browser or token."),
    "name": text("What the token was called."),
    "scopes": serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="Null is all rights."
    ),
    "current": flag("Whether it is the one that asks."),
    "program": text(),
    "ip_address": text(null=True),
    "created_at": moment(),
    "expires_at": moment(),
    "last_used_at": moment(null=True),
}
SESSION = shape("Session", "A login or a token.", _SESSION)
NEW_TOKEN = shape(
    "NewToken",
    "A token that was just made.",
    {**_SESSION, "token": text("Readable only now.")},
)


class OwnAccount(BasePermission):
    """One's own account; a token with scopes may look and not change anything.

    Otherwise it could give itself another that may more.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether this request may be answered; ``message`` says why not."""
        token = request.auth if isinstance(request.auth, UserSession) else None
        scope = Scope.READ if request.method in SAFE_METHODS else Scope.ALL
        self.message = _("A token with scopes may not change its person's account.")
        return isinstance(request.user, User) and token_allows(token, scope)


class QuietSerializer(serializers.Serializer[Any]):
    """On the clocks of one's own zone."""

    # "from" is a word of Python's own.
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return both ends and what passes."""
        clock: Any = {"format": "%H:%M", "input_formats": ["%H:%M"]}
        return {
            "from": serializers.TimeField(**clock),
            "to": serializers.TimeField(**clock),
            "passes": serializers.ChoiceField(choices=["P0", "none"], default="P0"),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what lacks an end or has it at its beginning; return what is stored."""
        attrs = {"passes": "P0"} | attrs
        # Nothing is required of a change, but half of these would be nonsense.
        if missing := [name for name in ("from", "to") if name not in attrs]:
            raise serializers.ValidationError(
                {name: [_("Enter both times, or none.")] for name in missing}
            )
        if attrs["from"] == attrs["to"]:
            raise serializers.ValidationError(
                {"to": _("Enter another time than the beginning.")}
            )
        return {name: _clock(attrs[name]) for name in ("from", "to", "passes")}


class PreferencesSerializer(serializers.Serializer[Any]):
    """What can be changed of oneself; what is absent stays."""

    language = serializers.ChoiceField(required=False, choices=User.Language.values)
    timezone = serializers.CharField(required=False, max_length=50)
    quiet_hours = QuietSerializer(
        required=False, allow_null=True, help_text="Null: none."
    )
    display = DisplaySerializer(required=False)

    def validate_timezone(self, value: str) -> str:
        """Refuse what is no zone."""
        if value not in available_timezones():
            raise serializers.ValidationError(
                _("%(name)s is no time zone; write one such as Asia/Shanghai.")
                % {"name": value}
            )
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what is no field: a misspelled one would be lost in silence."""
        return only_known(self, attrs)


class NewTokenSerializer(serializers.Serializer[Any]):
    """What a new token is called, how long it lives, what it may."""

    name = serializers.CharField(max_length=100)
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[str(scope) for scope in CHOICES]),
        allow_empty=False,
        max_length=len(CHOICES),
    )


class MeView(ApiView):
    """``/api/v1/me/``: who asks."""

    permission_classes = [OwnAccount]

    @operation(
        ME, tag="accounts", name="me_get", summary="Get one's own account", item=ME
    )
    def get(self, request: Request) -> Response:
        """Return who asks, what they may, and their preferences."""
        return self._answer(request)

    @operation(
        ME,
        tag="accounts",
        name="me_update",
        summary="Change one's preferences",
        body=PreferencesSerializer,
        matches=True,
    )
    def patch(self, request: Request) -> Response:
        """Change language, time zone, quiet hours, and how pages look and sound."""
        user = _person(request)
        wanted = self.checked(PreferencesSerializer(data=request.data, partial=True))
        with transaction.atomic():
            stored = User.objects.select_for_update().get(pk=user.pk)
            match_require(request, stored)
            quiet = stored.preferences.get("quiet_hours")
            display = Display.read(stored.preferences)
            follows = follows_browser(stored.preferences, stored.language)
            services.preferences_save(
                user=user,
                language=wanted.get("language", None if follows else stored.language),
                timezone_name=wanted.get("timezone", stored.timezone),
                quiet_hours=wanted.get("quiet_hours", quiet),
                display=display_changed(display, wanted.get("display", {})),
            )
        return self._answer(request)

    def _answer(self, request: Request) -> Response:
        user = _person(request)
        self.versioned(user)
        token = request.auth if isinstance(request.auth, UserSession) else None
        return Response(
            {
                "username": user.username,
                "role": str(role_of(user)),
                "language": user.language,
                "timezone": user.timezone,
                "quiet_hours": user.preferences.get("quiet_hours"),
                "display": display_answer(Display.read(user.preferences)),
                "scopes": token.scopes if token else None,
                "created_at": moment_text(user.created_at),
            }
        )


class SessionsView(ApiView):
    """``/api/v1/me/sessions/``."""

    permission_classes = [OwnAccount]

    @operation(
        paged(SESSION),
        tag="accounts",
        name="sessions_list",
        summary="List one's sessions",
        query=PageQuery,
        item=SESSION,
    )
    def get(self, request: Request) -> Response:
        """Return one's own living logins and tokens, the newest first."""
        query = self.checked(PageQuery(data=request.query_params))
        session = getattr(request, "session", {})
        found = sessions_of(_person(request), current_token=session.get(SESSION_TOKEN))
        rows, cursor = page_of(
            found,
            query,
            lambda each: (-each.created_at.timestamp(), str(each.id)),
            (float, str),
        )
        shown = (_session(each, request) for each in rows)
        return self.page(request, shown, cursor)


class SessionView(ApiView):
    """``/api/v1/me/sessions/{id}/``."""

    permission_classes = [OwnAccount]

    @operation(
        None,
        status=204,
        tag="accounts",
        name="sessions_end",
        summary="End one of one's sessions",
    )
    def delete(self, request: Request, identifier: UUID) -> Response:
        """End a login or a token of one's own at once."""
        person = _person(request)
        if not services.session_revoke(session_id=identifier, user=person):
            raise NotFound(_("There is no session %(id)s.") % {"id": identifier})
        return Response(status=HTTPStatus.NO_CONTENT)


class TokensView(ApiView):
    """``/api/v1/me/tokens/``."""

    permission_classes = [OwnAccount]
    # The answer holds the token, which is kept nowhere.
    keeps_answers = False

    @operation(
        NEW_TOKEN,
        status=201,
        tag="accounts",
        name="tokens_create",
        summary="Make a token",
        body=NewTokenSerializer,
        keyed=False,
    )
    def post(self, request: Request) -> Response:
        """Make a token of one's own; it can be read in this answer only."""
        wanted = self.checked(NewTokenSerializer(data=request.data))
        row, token = services.token_create(
            user=_person(request),
            facts=request_facts(request),
            days=wanted["days"],
            name=wanted["name"],
            scopes={Scope(each) for each in wanted["scopes"]},
        )
        return Response(
            _session(session_view(row), request) | {"token": token},
            status=HTTPStatus.CREATED,
            headers={"Cache-Control": "no-store"},
        )


def _session(each: Shown, request: Request) -> dict[str, Any]:
    own = request.auth if isinstance(request.auth, UserSession) else None
    return {
        "id": str(each.id),
        "kind": "browser" if each.is_browser else "token",
        "name": each.name,
        "scopes": None if each.scopes is None else list(each.scopes),
        "current": each.is_current or (own is not None and own.pk == each.id),
        "program": each.program,
        "ip_address": each.ip_address,
        "created_at": moment_text(each.created_at),
        "expires_at": moment_text(each.expires_at),
        "last_used_at": moment_text(each.last_used_at),
    }


def _person(request: Request) -> User:
    """Return who asks; OwnAccount has seen to it that there is one."""
    if not isinstance(request.user, User):
        raise NotFound
    return request.user


def _clock(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:%H:%M}"
