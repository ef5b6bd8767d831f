"""Errors of the API as problems of RFC 9457."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from django.utils import translation
from rest_framework import exceptions, serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from btc_watcher.lib.errors import BtcWatcherError, ConfigurationError
from btc_watcher.lib.rest import PROBLEM_TYPE, field_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rest_framework.request import Request


class Row(serializers.Serializer[None]):
    pair = serializers.CharField(max_length=5)
    price = serializers.DecimalField(max_digits=5, decimal_places=2)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["pair"] == "BAD":
            raise serializers.ValidationError("The pair and the price do not fit")
        return attrs


class Challenging(BaseAuthentication):
    def authenticate(self, request: Request) -> None:
        return None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def answer(
    error: Exception | None = None, *, many: bool = False, **request: Any
) -> Any:
    """Return the answer of a view that raises ``error``, or that reads rows."""

    class View(APIView):
        authentication_classes = [Challenging]
        permission_classes = [AllowAny]

        def post(self, request: Request) -> Response:
            if error is not None:
                raise error
            rows = Row(data=request.data, many=many)
            rows.is_valid(raise_exception=True)
            return Response({})

    method = request.pop("method", "post")
    request.setdefault("data", "{}")
    request.setdefault("content_type", "application/json")
    made = getattr(APIRequestFactory(), method)("/api/v1/x/", **request)
    response = View.as_view()(made)
    response.render()
    return response


def body(response: Any) -> dict[str, Any]:
    assert response.headers["Content-Type"] == PROBLEM_TYPE
    found: dict[str, Any] = json.loads(response.content)
    assert found["type"] == "about:blank"
    assert found["status"] == response.status_code
    assert found["title"]
    assert found["detail"].endswith(".")
    return found


@pytest.mark.parametrize(
    ("make", "status", "title"),
    [
        (lambda: BtcWatcherError("The pair 'X' is unknown."), 400, "Bad Request"),
        (lambda: ConfigurationError("The port is taken"), 400, "Bad Request"),
        (lambda: Http404("secret reason"), 404, "Not Found"),
        (lambda: PermissionDenied("secret reason"), 403, "Forbidden"),
        (exceptions.NotAuthenticated, 401, "Unauthorized"),
        (lambda: exceptions.AuthenticationFailed("No"), 401, "Unauthorized"),
        (lambda: exceptions.Throttled(7), 429, "Too Many Requests"),
        (
            lambda: exceptions.UnsupportedMediaType("text/x"),
            415,
            "Unsupported Media Type",
        ),
    ],
    ids=[
        "ours",
        "configuration",
        "missing",
        "forbidden",
        "anonymous",
        "refused",
        "throttled",
        "media",
    ],
)
def test_an_error_is_answered_as_a_problem(
    make: Callable[[], Exception], status: int, title: str
) -> None:
    response = answer(make())
    assert response.status_code == status
    assert body(response)["title"] == title
    assert b"secret" not in response.content


def test_the_sentence_of_our_own_errors_is_the_detail() -> None:
    sentence = "The pair 'X' is unknown. Use one of BTC/USDT."
    assert body(answer(BtcWatcherError(sentence)))["detail"] == sentence


def test_a_throttled_request_is_told_how_long_to_wait() -> None:
    assert answer(exceptions.Throttled(6.2)).headers["Retry-After"] == "7"


def test_a_missing_login_is_challenged() -> None:
    response = answer(exceptions.NotAuthenticated())
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_wrong_method_is_answered_405() -> None:
    response = answer(method="put")
    assert body(response)["status"] == 405


@pytest.mark.parametrize("text", ["{", "", "[1,]", '{"a": NaN}', b"\xff\xfe"])
def test_a_body_that_is_no_json_says_what_is_wrong(text: str | bytes) -> None:
    if not text:
        assert body(answer(data=text))["errors"]
    else:
        assert "could not be read" in body(answer(data=text))["detail"]


def test_refused_fields_are_named_with_a_sentence_each() -> None:
    found = body(answer(data='{"pair": "too long", "price": "x"}'))
    assert set(found["errors"]) == {"pair", "price"}
    assert found["errors"]["price"] == ["A valid number is required."]
    assert found["detail"] == "2 fields were refused: pair, price."


def test_a_refused_field_of_a_row_is_named_by_its_place() -> None:
    rows = [{"pair": "A", "price": 1}, {"pair": "B"}, {"pair": "BAD", "price": 1}]
    found = body(answer(data=json.dumps(rows), many=True))
    assert found["errors"] == {
        "1.price": ["This field is required."],
        "2": ["The pair and the price do not fit."],
    }


def test_what_is_wrong_with_the_whole_body_is_the_detail() -> None:
    found = body(answer(data='{"pair": "BAD", "price": 1}'))
    assert found["errors"] == {"body": ["The pair and the price do not fit."]}
    assert found["detail"] == "The pair and the price do not fit."


def test_many_refused_fields_are_not_all_listed_in_the_sentence() -> None:
    rows = json.dumps([{}] * 40)
    found = body(answer(data=rows, many=True))
    assert len(found["errors"]) == 80
    assert found["detail"].startswith("80 fields were refused: 0.pair, 0.price, 1.pair")
    assert len(found["detail"]) < 100


def test_a_refusal_of_the_model_is_answered_400_too() -> None:
    found = body(answer(DjangoValidationError({"pair": ["Too long"]})))
    assert found["errors"] == {"pair": ["Too long."]}


def test_an_unexpected_error_is_left_to_the_server() -> None:
    with pytest.raises(ZeroDivisionError):
        answer(ZeroDivisionError("internals"))


def test_nested_errors_are_flattened() -> None:
    detail = {"a": {"b": [{}, {"c": ["one", "two"]}]}, "non_field_errors": ["three"]}
    assert field_errors(detail) == {"a.b.1.c": ["one.", "two."], "body": ["three."]}


def test_the_words_of_a_problem_follow_the_language() -> None:
    with translation.override("zh-hans"):
        found = json.loads(answer(data='{"price": 1}').content)
    assert found["detail"].startswith("有 1 个字段未通过校验")
    assert found["title"] == "Bad Request"
