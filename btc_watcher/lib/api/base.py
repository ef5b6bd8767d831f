"""The view that every address of the API is built on."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response
from rest_framework.views import APIView

from btc_watcher.lib.api import idempotency, tags
from btc_watcher.lib.api.limits import limit_of, request_count
from btc_watcher.lib.api.paging import next_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.db.models import Model
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

# What moves with every question and is no part of what was found.
UNTAGGED = frozenset({"window", "now"})


class AnsweredBeforeError(Exception):
    """Not an error: the request has its answer already."""

    def __init__(self, response: Response) -> None:
        super().__init__("The request was answered before.")
        self.response = response


class ApiView(APIView):
    """Limits, ``fields=``, ETags and Idempotency-Key of an address.

    ``permission`` is what changes need, for all methods or by method, and ``limits``
    are requests a minute by method where they differ from the settings'.
    """

    permission: ClassVar[Mapping[str, str] | str] = ""
    limits: ClassVar[Mapping[str, int]] = {}
    # The largest number that its rows may have.
    largest_id: ClassVar[int] = 2**31 - 1
    # A password or a token of an answer is never kept, so it cannot be given twice.
    keeps_answers: ClassVar[bool] = True

    _claim: idempotency.Claim | None = None
    _version: str = ""
    _fields: frozenset[str] = frozenset()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Count the request before anything is looked up for it, then let DRF check."""
        method = request.method or "GET"
        name = getattr(request.resolver_match, "url_name", None) or request.path
        request_count(
            request, f"{name}:{method}", self.limits.get(method, limit_of(method))
        )
        super().initial(request, *args, **kwargs)
        if not all(map(self._can_be, kwargs.values())):
            raise NotFound
        self._fields = self._fields_wanted(request)
        if method == "POST" and self.keeps_answers:
            self._claim_take(request)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer an error; an answer that is known already is none."""
        if isinstance(exc, AnsweredBeforeError):
            return exc.response
        try:
            return super().handle_exception(exc)
        except BaseException:
            if self._claim is not None:
                self._claim.release()
            raise

    def finalize_response(  # type: ignore[override]  # Django's answers pass as well
        self,
        request: Request | HttpRequest,
        response: HttpResponseBase,
        *args: Any,
        **kwargs: Any,
    ) -> HttpResponseBase:
        """Keep the fields that are wanted, tag the answer, keep it for its key."""
        try:
            return self._finished(request, response, *args, **kwargs)
        except BaseException:
            # Without an answer to keep, the key would be held until it is forgotten.
            if self._claim is not None:
                self._claim.release()
            raise

    def _finished(
        self,
        request: Request | HttpRequest,
        response: HttpResponseBase,
        *args: Any,
        **kwargs: Any,
    ) -> HttpResponseBase:
        chosen = self._fields and response.status_code == HTTPStatus.OK
        if chosen and isinstance(response, Response):
            response.data = only(response.data, self._fields)
        # Types of DRF's own method: it takes and returns either kind.
        answer: Any = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]
        if not isinstance(answer, Response):
            return answer  # type: ignore[no-any-return]
        answer.headers.setdefault("Cache-Control", "private, no-cache")
        patch_vary_headers(answer, ("Authorization", "Accept-Language"))
        if answer.status_code == HTTPStatus.OK and request.method in (
            *SAFE_METHODS,
            "PATCH",
            "PUT",
        ):
            return self._tagged(request, answer)
        if self._claim is not None:
            self._claim_end(answer)
        return answer

    def page(
        self, request: Request, rows: Iterable[Any], cursor: str | None, **more: Any
    ) -> Response:
        """Answer a page of a list."""
        body = {"results": list(rows), "next": next_address(request, cursor)}
        return Response(body | more)

    def versioned(self, row: Model) -> None:
        """Name the row whose version the ETag of this answer carries."""
        self._version = tags.version_of(row)

    def checked(self, serializer: Serializer[Any]) -> dict[str, Any]:
        """Return what a serializer was given when it is sound; ValidationError."""
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        return values

    def _can_be(self, part: Any) -> bool:
        """Tell whether the database can be asked for a part of the address at all."""
        if isinstance(part, int):
            return part <= self.largest_id
        return not isinstance(part, str) or "\x00" not in part

    def _fields_wanted(self, request: Request) -> frozenset[str]:
        text = request.query_params.get("fields", "")
        known: frozenset[str] = getattr(
            getattr(self, (request.method or "").lower(), None),
            "item_fields",
            frozenset(),
        )
        if not text or not known:
            return frozenset()
        wanted = frozenset(filter(None, (each.strip() for each in text.split(","))))
        if unknown := sorted(wanted - known):
            raise ValidationError(
                {
                    "fields": [
                        _("There is no field %(name)s here; there are %(known)s.")
                        % {"name": unknown[0], "known": ", ".join(sorted(known))}
                    ]
                }
            )
        return wanted

    def _claim_take(self, request: Request) -> None:
        found = idempotency.claim(request)
        if isinstance(found, idempotency.Stored):
            response = Response(
                json.loads(found.body) if found.body else None, status=found.status
            )
            response.headers[idempotency.REPLAYED] = "true"
            raise AnsweredBeforeError(response)
        self._claim = found

    def _claim_end(self, answer: Response) -> None:
        if self._claim is None:
            return
        if 200 <= answer.status_code < 300:
            answer.render()
            self._claim.keep(answer.status_code, answer.content.decode())
        else:
            self._claim.release()
        self._claim = None

    def _tagged(self, request: Request | HttpRequest, answer: Response) -> Response:
        answer.render()
        moving = isinstance(answer.data, dict) and UNTAGGED & answer.data.keys()
        content = answer.content
        if moving:
            rest = {k: v for k, v in answer.data.items() if k not in UNTAGGED}
            content = _plain(answer, rest)
        tag = tags.tag_of(content, version=self._version, weak=bool(moving))
        if request.method in SAFE_METHODS and tags.is_known(request, tag):  # type: ignore[arg-type]
            same = Response(status=HTTPStatus.NOT_MODIFIED)
            for name in ("Cache-Control", "Vary"):
                same.headers[name] = answer.headers[name]
            super().finalize_response(request, same)  # type: ignore[arg-type]
            same.headers["ETag"] = tag
            return same
        answer.headers["ETag"] = tag
        return answer


def only(data: Any, wanted: frozenset[str]) -> Any:
    """Return an answer with the fields that are wanted: of a list, in each row."""
    if not isinstance(data, dict):
        return data
    if isinstance(data.get("results"), list):
        rows = [only(row, wanted) for row in data["results"]]
        return data | {"results": rows}
    return {name: value for name, value in data.items() if name in wanted}


def _plain(answer: Response, data: Any) -> bytes:
    renderer: Any = answer.accepted_renderer
    rendered: bytes = renderer.render(data, answer.accepted_media_type, {})
    return rendered
