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
from rest_framework.views import APIView

from accounts import services
from accounts.authentication import CHALLENGE, BearerAuthentication
from accounts.facts import request_facts
from accounts.models import UserSession

if TYPE_CHECKING:
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.request import Request


class TokenSerializer(serializers.Serializer[None]):
    """Who wants a token, and what for."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)
    name = serializers.CharField(max_length=100, required=False, default="")


class TokenView(APIView):
    """``POST`` gives a token for a user name and a password, ``DELETE`` ends it."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Take no proof of identity along with a password; DELETE needs the token."""
        if self.request.method == "POST":
            return []
        return [BearerAuthentication()]

    def get_authenticate_header(self, request: Request) -> str:
        """Return the challenge also where no authenticator could name it."""
        return CHALLENGE

    def get_permissions(self) -> list[BasePermission]:
        """Let anybody try to get a token."""
        return [AllowAny()] if self.request.method == "POST" else [IsAuthenticated()]

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
        except services.TooManyLoginsError as error:
            # DRF adds the sentence about the seconds by itself.
            raise Throttled(error.wait, _("Too many login attempts.")) from None
        except services.LoginRefusedError as error:
            raise AuthenticationFailed(error.message) from None
        row, token = services.token_create(
            user=user, facts=facts, days=settings.API_TOKEN_DAYS, name=given["name"]
        )
        body = {"token": token, "token_type": "Bearer", "expires_at": row.expires_at}
        return Response(body, headers={"Cache-Control": "no-store"})

    def delete(self, request: Request) -> Response:
        """End the token that this request carries."""
        if not isinstance(request.auth, UserSession):
            raise ValidationError(_("Send the token to end as a bearer token."))
        services.session_revoke(session_id=request.auth.id)
        return Response(status=204)
