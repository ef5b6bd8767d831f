"""Columns that many tables share, with the defaults in the database itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    # Generic for the type checker alone: the class takes no index at run time.
    DateTimeField = models.DateTimeField[Any, Any]
else:
    DateTimeField = models.DateTimeField


class CreatedField(DateTimeField):
    """``TIMESTAMP WITH TIME ZONE DEFAULT NOW()``, set once."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("default", timezone.now)
        kwargs.setdefault("db_default", TransactionNow())
        kwargs.setdefault("editable", False)
        super().__init__(**kwargs)


class UpdatedField(DateTimeField):
    """``TIMESTAMP WITH TIME ZONE DEFAULT NOW()``, moved by every save."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("auto_now", True)
        kwargs.setdefault("db_default", TransactionNow())
        super().__init__(**kwargs)


class ObjectField(models.JSONField):
    """``JSONB DEFAULT '{}'``: one JSON object."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("default", dict)
        kwargs.setdefault("db_default", {})
        kwargs.setdefault("blank", True)
        super().__init__(**kwargs)


def listed(field: str, values: str, name: str) -> models.CheckConstraint:
    """Return a check that ``field`` holds one of ``values`` (separated by spaces)."""
    return models.CheckConstraint(
        condition=models.Q(**{f"{field}__in": values.split()}), name=name
    )
