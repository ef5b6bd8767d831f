"""Short ways to describe what answers hold. Nothing is checked or changed by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

if TYPE_CHECKING:
    from collections.abc import Mapping

    Field = serializers.Field[Any, Any, Any, Any]
    Shape = type[serializers.Serializer[Any]]


@extend_schema_field(OpenApiTypes.OBJECT)
class ObjectField(serializers.JSONField):
    """A JSON object whose names are not all known beforehand."""


@extend_schema_field({"type": "array", "items": {}})
class RowsField(serializers.JSONField):
    """A list of whatever there is."""


@extend_schema_field({})
class AnyField(serializers.JSONField):
    """Any JSON."""


def shape(name: str, words: str, fields: Mapping[str, Field]) -> Shape:
    """Return the description of an object; ``words`` say what it is."""
    return type(
        f"{name}Serializer", (serializers.Serializer,), {**fields, "__doc__": words}
    )


def text(words: str = "", *, null: bool = False) -> Field:
    """Describe a text."""
    return serializers.CharField(help_text=words, allow_null=null, allow_blank=True)


def texts(words: str = "") -> Field:
    """Describe a list of texts."""
    return serializers.ListField(child=serializers.CharField(), help_text=words)


def whole(words: str = "", *, null: bool = False) -> Field:
    """Describe a whole number."""
    return serializers.IntegerField(help_text=words, allow_null=null)


def real(words: str = "", *, null: bool = False) -> Field:
    """Describe a number."""
    return serializers.FloatField(help_text=words, allow_null=null)


def flag(words: str = "", *, null: bool = False) -> Field:
    """Describe yes or no."""
    return serializers.BooleanField(help_text=words, allow_null=null)


def moment(words: str = "", *, null: bool = False) -> Field:
    """Describe a moment, ISO 8601 with an offset."""
    return serializers.DateTimeField(help_text=words, allow_null=null)


def anything(words: str = "", *, null: bool = False) -> Field:
    """Describe an object whose names are not all known beforehand."""
    return ObjectField(help_text=words, allow_null=null)


def rows(words: str = "", *, null: bool = False) -> Field:
    """Describe a list of objects or lists."""
    return RowsField(help_text=words, allow_null=null)


def whatever(words: str = "") -> Field:
    """Describe any JSON, null included."""
    return AnyField(help_text=words, allow_null=True)


def one(item: Shape, words: str = "", *, null: bool = False) -> Field:
    """Describe an object inside of another."""
    return item(help_text=words, allow_null=null)


def many(item: Shape, words: str = "") -> Field:
    """Describe a list of objects."""
    return item(many=True, help_text=words)


WINDOW = shape(
    "Window",
    "The period that was looked through: `from` included, `to` not.",
    {"from": moment(), "to": moment()},
)
