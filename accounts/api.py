"""API: getting and ending a bearer token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, Throttled, ValidationError
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.response import Response

from accounts import services
from accounts.audit.actor import actor_of, actor_set
from accounts.authentication import CHALLENGE, BearerAuthentication
from accounts.facts import request_facts
from accounts.models import UserSession
from accounts.scopes import CHOICES, Scope
from accounts.second_factor.services import (
    CodeRefusedError,
    TooManyCodesError,
    code_check,
    factor_of,
)
from btc_watcher.lib.api.answers import moment, shape, text
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation

if TYPE_CHECKING:
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.request import Request

    from accounts.facts import RequestFacts
    from accounts.models import User


class TokenSerializer(serializers.Serializer[None]):
    """Who wants a token, and what for."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)
    name = serializers.CharField(max_length=100, required=False, default="")
    code = serializers.CharField(
        max_length=40,
        required=False,
        default="",
        help_text="Of the second factor, for accounts that have one.",
    )
    scopes = serializers.ListField(
        child=serializers.ChoiceField([each.value for each in CHOICES]),
        required=False,
        allow_null=True,
        allow_empty=False,
        default=None,
        help_text="read, write, operate; all that the person may when left out.",
    )


TOKEN = shape(
    "Token",
    "A new token.",
    {
        "token": text("Readable only now."),
        "token_type": text("Bearer."),
        "expires_at": moment(),
    },
)


def _code_check(user: User, code: str, facts: RequestFacts) -> None:
    if not code:
        raise CodeRefusedError(
            _("This account has a second factor: send its code in “code” as well.")
        )
    code_check(user=user, code=code, facts=facts)


class TokenView(ApiView):
    """``POST`` gives a token for a user name and a password, ``DELETE`` ends it."""

    keeps_answers = False

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Take no proof of identity along with a password; DELETE needs the token."""
        if self._is_login():
            return []
        return [BearerAuthentication()]

    def get_authenticate_header(self, request: Request) -> str:
        """Return the challenge also where no authenticator could name it."""
        return CHALLENGE

    def get_permissions(self) -> list[BasePermission]:
        """Let anybody try to get a token."""
        return [AllowAny()] if self._is_login() else [IsAuthenticated()]

    def _is_login(self) -> bool:
        # There is no request yet while the API is described.
        return getattr(self.request, "method", None) == "POST"

    @operation(
        TOKEN,
        tag="accounts",
        name="token_create",
        summary="Get a token for a password",
        body=TokenSerializer,
        anybody=True,
        refuses=(401,),
        keyed=False,
    )
    @method_decorator(sensitive_variables())
    def post(self, request: Request) -> Response:
        """Return ``token`` (readable only now) and ``expires_at``."""
        wanted = TokenSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        facts = request_facts(request)
        try:
            user = services.credentials_check(
                username=given["username"],
                password=given["password"],
                facts=facts,
            )
            if factor_of(user) is not None:
                _code_check(user, given["code"], facts)
        except (services.TooManyLoginsError, TooManyCodesError) as error:
            # DRF adds the sentence about the seconds by itself.
            raise Throttled(error.wait, _("Too many login attempts.")) from None
        except (services.LoginRefusedError, CodeRefusedError) as error:
            raise AuthenticationFailed(error.message) from None
        scopes = given["scopes"]
        actor_set(actor_of(user, "API", facts.ip_address))
        services.login_note(user=user, facts=facts)
        row, token = services.token_create(
            user=user,
            facts=facts,
            days=settings.API_TOKEN_DAYS,
            name=given["name"],
            scopes=None if scopes is None else [Scope(each) for each in set(scopes)],
        )
        body = {"token": token, "token_type": "Bearer", "expires_at": row.expires_at}
        return Response(body, headers={"Cache-Control": "no-store"})

    @operation(
        None, status=204, tag="accounts", name="token_delete", summary="End the token"
    )
    def delete(self, request: Request) -> Response:
        """End the token that this request carries."""
        if not isinstance(request.auth, UserSession):
            raise ValidationError(_("Send the token to end as a bearer token."))
        services.session_revoke(session_id=request.auth.id)
        return Response(status=204)
