"""Indexes with the names of the specification."""

from __future__ import annotations

from django.db import models


class NamedIndex(models.Index):
    """An index whose name may use PostgreSQL's 63 characters.

    Django allows 30 for the sake of other databases; several names that the
    specification fixes are longer.
    """

    max_name_length = 63
