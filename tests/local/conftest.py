"""Fixtures of the local system's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.local import helpers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder() -> Iterator[Path]:
    """A scratch folder that the unprivileged user of PostgreSQL can pass."""
    with helpers.scratch_folder() as path:
        yield path
