"""How an address describes itself: the schema at /api/v1/schema/ is made of this."""

from __future__ import annotations

import inspect
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    inline_serializer,
)
from rest_framework import serializers

from btc_watcher.lib.api import idempotency
from btc_watcher.lib.api.answers import shape
from btc_watcher.lib.rest import PROBLEM_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    Shape = type[serializers.BaseSerializer[Any]] | serializers.BaseSerializer[Any]
    Handler = Callable[..., Any]

PROBLEMS: Final[Mapping[int, str]] = {
    400: "Something that was sent is refused; `errors` names the fields.",
    401: "Who asks is not known: the token is missing, unknown, expired or revoked.",
    403: "Who asks is known, and may not do this.",
    404: "There is no such thing.",
    406: "No answer of that media type can be given; JSON can.",
    409: "It does not fit the state of things; `detail` says why.",
    412: "If-Match names a version that is not the current one any more.",
    415: "The body is of a media type that is not read; send JSON.",
    422: "The Idempotency-Key came before with another body.",
    429: "Too many requests; Retry-After says after how many seconds to go on.",
    503: "What is needed for this is away; nothing was done.",
}
RETRY_AFTER: Final = OpenApiParameter(
    "Retry-After",
    OpenApiTypes.INT,
    OpenApiParameter.HEADER,
    description="Seconds to wait.",
    response=[429, 503],
)
ETAG: Final = OpenApiParameter(
    "ETag",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Names this answer; send it as If-None-Match, or as If-Match to change"
    " what it tells of.",
    response=[200, 304],
)
KNOWN: Final = OpenApiParameter(
    "If-None-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag of an earlier answer: 304 without a body when it still holds.",
)
MATCH: Final = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag of the answer that the change is based on: 412 when it was"
    " changed meanwhile. Only the part before the dot, the version, is compared.",
)
KEY: Final = OpenApiParameter(
    idempotency.HEADER,
    {"type": "string", "minLength": 1, "maxLength": idempotency.LONGEST_KEY},
    OpenApiParameter.HEADER,
    description="Of your choice, new for each request: sent again with the same body"
    " within 24 hours, the first answer is given again (with Idempotency-Replayed: true)"
    " and nothing is done twice; with another body 422, while the first is under way 409."
    " Keys are kept in Redis: one that is flushed forgets them.",
)


PROBLEM: Final = shape(
    "Problem",
    "What went wrong, as RFC 9457 has it.",
    {
        "type": serializers.CharField(),
        "title": serializers.CharField(help_text="The words of the status."),
        "status": serializers.IntegerField(),
        "detail": serializers.CharField(help_text="A full sentence."),
        "errors": serializers.DictField(
            child=serializers.ListField(child=serializers.CharField()),
            required=False,
            help_text="Sentences by the path of their field, as `3.pair` in a list.",
        ),
    },
)


def paged(item: type[serializers.Serializer[Any]], **more: Any) -> Shape:
    """Return the description of a page of ``item``; ``more`` are further members."""
    name = item.__name__.removesuffix("Serializer")
    fields = {
        "results": item(many=True),
        "next": serializers.URLField(
            allow_null=True, help_text="The address of the next page; null on the last."
        ),
    }
    return inline_serializer(f"{name}Page", fields | more)


def operation(  # noqa: PLR0913 - what there is to say of one
    answer: Any,
    *,
    tag: str,
    summary: str,
    name: str,
    status: int = 200,
    body: Any = None,
    query: Any = None,
    item: type[serializers.Serializer[Any]] | None = None,
    also: Mapping[int, Any] | None = None,
    refuses: Collection[int] = (),
    matches: bool = False,
    keyed: bool = True,
    anybody: bool = False,
    words: str = "",
) -> Callable[[Handler], Handler]:
    """Describe a method of a view, whose docstring is the description.

    ``answer`` and ``also`` (by status) are serializers or None, ``item`` what ``fields=``
    chooses from, ``refuses`` the problems beyond those that every request may meet,
    ``words`` what is added to the docstring.
    """

    def describe(handler: Handler) -> Handler:
        method = handler.__name__.upper()
        reads, posts = method == "GET", method == "POST" and keyed
        addressed = len(inspect.signature(handler).parameters) > 2
        codes = {400, 401, 403, 406, 429, *refuses}
        codes |= {404} if addressed else set()
        codes |= {409, 422, 503} if posts else set()
        codes |= {412} if matches else set()
        codes |= {415} if body is not None else set()
        if anybody:
            codes -= {401, 403} - set(refuses)
        # A pair is a status with a media type that is not JSON.
        streams = isinstance(answer, tuple)
        found: dict[Any, Any] = (
            {answer: _answer(OpenApiTypes.STR, answer[0])}
            if streams
            else {status: _answer(answer, status)}
        )
        found |= {code: _answer(shape, code) for code, shape in (also or {}).items()}
        if reads and not streams:
            found[304] = OpenApiResponse(description="It is what If-None-Match names.")
        responses: dict[Any, Any] = dict(found)
        for code in sorted(codes):
            responses[code, PROBLEM_TYPE] = OpenApiResponse(
                PROBLEM, description=PROBLEMS[code]
            )
        if item is not None:
            handler.item_fields = frozenset(item().get_fields())  # type: ignore[attr-defined]
        text = inspect.getdoc(handler) or ""
        return extend_schema(
            operation_id=name,
            tags=[tag],
            summary=summary,
            description=f"{text}\n\n{words}".strip(),
            parameters=_parameters(
                query, item, reads=reads and not streams, posts=posts, matches=matches
            ),
            request=body,
            responses=responses,
            auth=[] if anybody else None,
        )(handler)

    return describe


def _answer(shape: Any, status: int) -> Any:
    words = HTTPStatus(status).phrase
    return (
        OpenApiResponse(shape, description=words)
        if shape
        else OpenApiResponse(description=words)
    )


def _parameters(
    query: Any, item: Any, *, reads: bool, posts: bool, matches: bool
) -> list[Any]:
    found: list[Any] = [query] if query is not None else []
    if item is not None:
        names = sorted(item().get_fields())
        found.append(
            OpenApiParameter(
                "fields",
                OpenApiTypes.STR,
                description="Only these, separated by commas, of "
                + ", ".join(f"`{name}`" for name in names)
                + ".",
            )
        )
    found.append(RETRY_AFTER)
    found += [KNOWN, ETAG] if reads else []
    found += [KEY] if posts else []
    return found + ([MATCH] if matches else [])
