"""The API of inbound webhooks: their secrets, and the way in for vendors."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, NotFound, ValidationError
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny
from rest_framework.response import Response

from accounts.permissions import CanWrite
from btc_watcher.lib import redis_keys
from btc_watcher.lib.api.answers import flag, moment, shape, text
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation
from btc_watcher.lib.api.limits import count_at, request_count
from btc_watcher.lib.api.parsing import SoundJSONParser
from signals_app.api_answers import RECORDED
from signals_app.hooks import (
    SIGNATURE,
    hook_close,
    hook_open,
    hook_secret,
    hook_signal,
    hook_since,
    is_allowed,
    signed_problem,
)
from signals_app.models import SignalType
from signals_app.posted import posted_candidates
from signals_app.services import signals_record
from strategies.errors import StrategyMissingError
from strategies.selectors import strategy_by_id

if TYPE_CHECKING:
    from rest_framework.request import Request

    from strategies.models import Strategy

HOOK = shape(
    "Hook",
    "The inbound webhook of a strategy.",
    {
        "open": flag(),
        "since": moment("Since when its secret is valid.", null=True),
        "address": text("Where signed posts go."),
    },
)
NEW_HOOK = shape(
    "NewHook",
    "A webhook with a new secret.",
    {
        **HOOK().get_fields(),
        "secret": text("Readable only now."),
        "secret_address": text("For vendors that sign nothing, such as TradingView."),
    },
)


class HookSignalSerializer(serializers.Serializer[Any]):
    """A signal as a vendor posts it; what is absent comes from the strategy."""

    pair = serializers.CharField(max_length=20)
    type = serializers.CharField(
        max_length=10, help_text=f"{', '.join(SignalType.values)}, in any case."
    )
    price = serializers.FloatField()
    exchange = serializers.CharField(required=False, max_length=50)
    timeframe = serializers.CharField(required=False, max_length=10)
    timestamp = serializers.DateTimeField(
        required=False,
        help_text="The close of its candle; by default the close that was just now, or"
        " now in the middle of a candle.",
    )
    strength = serializers.FloatField(required=False, allow_null=True)
    tag = serializers.CharField(required=False, allow_blank=True, max_length=200)


class SignedSignalSerializer(HookSignalSerializer):
    """A signal that is signed; its time keeps it from being sent again as another."""

    timestamp = serializers.DateTimeField(
        help_text="The close of its candle, not older than 24 hours."
    )


class HookView(ApiView):
    """``/api/v1/strategies/{id}/hook/``."""

    permission_classes = [CanWrite]
    permission = "strategies.change_strategy"
    # The answer holds the secret.
    keeps_answers = False

    @operation(HOOK, tag="hooks", name="hooks_get", summary="Get a webhook", item=HOOK)
    def get(self, request: Request, pk: int) -> Response:
        """Return whether posts are taken for the strategy, and where."""
        return Response(_shape(request, _strategy(pk)))

    @operation(
        NEW_HOOK,
        status=201,
        tag="hooks",
        name="hooks_open",
        summary="Open a webhook",
        keyed=False,
    )
    def post(self, request: Request, pk: int) -> Response:
        """Give the strategy a new secret; the one before is not valid any more."""
        strategy = _strategy(pk)
        secret = hook_open(strategy, now=timezone.now())
        found = _shape(request, strategy)
        address = f"{found['address']}{secret}/"
        return Response(
            found | {"secret": secret, "secret_address": address},
            status=HTTPStatus.CREATED,
            headers={"Cache-Control": "no-store"},
        )

    @operation(
        None, status=204, tag="hooks", name="hooks_close", summary="Close a webhook"
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Take no more posts for the strategy."""
        hook_close(_strategy(pk))
        return Response(status=HTTPStatus.NO_CONTENT)


class SignedView(ApiView):
    """``/api/v1/hooks/{id}/``."""

    permission_classes = [AllowAny]
    authentication_classes = []
    parser_classes = [SoundJSONParser, FormParser]
    # What a signal means decides its id, so nothing is done twice anyway.
    keeps_answers = False
    # Vendors post for everybody from a few addresses, and never repeat what was refused.
    limits = {"POST": 0}

    @operation(
        RECORDED,
        tag="hooks",
        name="hooks_post_signed",
        summary="Post a signed signal",
        query=OpenApiParameter(
            SIGNATURE,
            OpenApiTypes.STR,
            OpenApiParameter.HEADER,
            description="`sha256=` and the HMAC-SHA256 of the body with the secret,"
            " in hexadecimal.",
        ),
        body=SignedSignalSerializer,
        also={201: RECORDED},
        refuses=(401,),
        anybody=True,
        keyed=False,
    )
    def post(self, request: Request, pk: int) -> Response:
        """Record a signal of the strategy; 201 when it is new, 200 when it was known."""
        return self.record(request, pk, "")

    def record(self, request: Request, pk: int, secret: str) -> Response:
        """Record the signal of who knows the secret."""
        strategy = strategy_by_id(pk)
        # Whether there is such a strategy is nobody's business who does not know it.
        if strategy is None or not is_allowed(
            strategy,
            secret=secret,
            signature=request.headers.get(SIGNATURE, ""),
            # The bytes as they were signed: DRF has no other way to them.
            body=request._request.body,  # noqa: SLF001
        ):
            request_count(request, "hooks:refused", settings.API_CHANGES_PER_MINUTE)
            raise AuthenticationFailed(
                _("The secret or the signature is wrong, or this webhook is closed.")
            )
        most = settings.API_HOOK_POSTS_PER_MINUTE
        count_at(redis_keys.hook_posts(strategy.pk), most)
        return _recorded(request.data, strategy, signed=not secret)

    def get_authenticate_header(self, request: Request) -> str:
        """Return the challenge, without which a wrong secret would be a 403."""
        return "Signature"


class SecretView(SignedView):
    """``/api/v1/hooks/{id}/{secret}/``, for vendors that sign nothing."""

    @operation(
        RECORDED,
        tag="hooks",
        name="hooks_post",
        summary="Post a signal to a secret address",
        body=HookSignalSerializer,
        also={201: RECORDED},
        refuses=(401,),
        anybody=True,
        keyed=False,
    )
    def post(self, request: Request, pk: int, secret: str) -> Response:
        """Record a signal of the strategy; 201 when it is new, 200 when it was known."""
        return self.record(request, pk, secret)


def _recorded(data: Any, strategy: Strategy, *, signed: bool) -> Response:
    if not hasattr(data, "items"):
        raise ValidationError(_("Post one signal, as an object."))
    body = {str(name): value for name, value in data.items()}
    now = timezone.now()
    if signed and not body.get("timestamp"):
        raise _untimely(
            _(
                "A signed post needs the time of its candle's close: without it the same"
                " bytes, sent again later, would be another signal."
            )
        )
    (posted,) = posted_candidates([hook_signal(body, strategy, now)])
    if posted.candidate is None:
        raise ValidationError(posted.problem)
    if signed and (problem := signed_problem(posted.candidate.timestamp, now)):
        raise _untimely(problem)
    ((identifier, word),) = signals_record([posted.candidate]).answers
    if identifier is None:
        raise ValidationError(word)
    answer = {"index": 0, "status": word, "id": str(identifier)}
    return Response(answer, status=201 if word == "created" else 200)


def _untimely(sentence: str) -> ValidationError:
    return ValidationError({"timestamp": [sentence]})


def _shape(request: Request, strategy: Strategy) -> dict[str, Any]:
    return {
        "open": bool(hook_secret(strategy)),
        "since": hook_since(strategy),
        "address": request.build_absolute_uri(f"/api/v1/hooks/{strategy.pk}/"),
    }


def _strategy(pk: int) -> Strategy:
    found = strategy_by_id(pk)
    if found is None:
        raise NotFound(StrategyMissingError.strategy(pk).message)
    return found
