"""Pages by cursor: the next begins after the last row, whatever came meanwhile."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rest_framework.request import Request

Row = TypeVar("Row")

PAGE_SIZE: Final = 100
LARGEST_PAGE: Final = 1_000
LONGEST_CURSOR: Final = 400


class PageQuery(serializers.Serializer[Any]):
    """Which page of a list."""

    cursor = serializers.CharField(
        required=False,
        max_length=LONGEST_CURSOR,
        help_text="Where the page begins: what `next` of the page before it holds.",
    )
    page_size = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_PAGE,
        default=PAGE_SIZE,
        help_text="How many rows at most.",
    )


def cursor_text(key: Sequence[Any]) -> str:
    """Return the place after the row of ``key`` (numbers and texts) for an address."""
    text = json.dumps(list(key), separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def cursor_read(text: str, kinds: Sequence[type]) -> tuple[Any, ...]:
    """Return the key that ``cursor_text`` wrote; ValidationError when it is none."""
    try:
        padded = text.encode() + b"=" * (-len(text) % 4)
        key = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, binascii.Error, RecursionError):
        key = None
    if (
        not isinstance(key, list)
        or len(key) != len(kinds)
        or any(type(part) is not kind for part, kind in zip(key, kinds, strict=True))
        or any(isinstance(part, int) and abs(part) >= 2**63 for part in key)
    ):
        raise serializers.ValidationError(
            {"cursor": [_("This is no cursor; use what “next” of a page holds.")]}
        )
    return tuple(key)


def page_of(
    rows: Iterable[Row],
    query: Mapping[str, Any],
    key: Callable[[Row], tuple[Any, ...]],
    kinds: Sequence[type],
) -> tuple[list[Row], str | None]:
    """Return a page of a list that is in memory anyway, and the cursor of the next."""
    ordered = sorted(rows, key=key)
    if text := query.get("cursor"):
        after = cursor_read(text, kinds)
        ordered = [row for row in ordered if key(row) > after]
    return cut(ordered, query, key)


def cut(
    rows: Iterable[Row],
    query: Mapping[str, Any],
    key: Callable[[Row], tuple[Any, ...]],
) -> tuple[list[Row], str | None]:
    """Return ``rows``, of which one more than a page was read, and the next cursor."""
    size = query.get("page_size", PAGE_SIZE)
    read = list(rows)
    found = read[:size]
    return found, cursor_text(key(found[-1])) if len(read) > size else None


def next_address(request: Request, cursor: str | None) -> str | None:
    """Return the address of the next page."""
    if cursor is None:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
