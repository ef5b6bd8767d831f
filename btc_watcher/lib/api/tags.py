"""ETag, If-None-Match and If-Match.

A tag is ``"VERSION.ANSWER"`` or ``"ANSWER"``. ANSWER is a hash of what was answered.
VERSION, where a row can be changed, is a hash of when it last was: what a test or a
heartbeat found changes the answer, but is no reason to refuse somebody's change.
"""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException

if TYPE_CHECKING:
    from django.db.models import Model
    from rest_framework.request import Request

LENGTH: Final = 20


class ChangedMeanwhileError(APIException):
    """If-Match names a version that is not the current one."""

    status_code = HTTPStatus.PRECONDITION_FAILED


def version_of(row: Model) -> str:
    """Return the version of a row that has ``updated_at``."""
    moment: Any = getattr(row, "updated_at")  # noqa: B009 - not every model has it
    facts = f"{row._meta.label}:{row.pk}:{moment.isoformat()}"  # noqa: SLF001 - public
    return _digest(facts.encode())


def tag_of(content: bytes, *, version: str = "", weak: bool = False) -> str:
    """Return the ETag of an answer."""
    parts = [version, _digest(content)] if version else [_digest(content)]
    return f'{"W/" if weak else ""}"{".".join(parts)}"'


def is_known(request: Request, tag: str) -> bool:
    """Tell whether If-None-Match names ``tag``, which may be weak."""
    return tag.removeprefix("W/") in _listed(request.headers.get("If-None-Match", ""))


def match_require(request: Request, row: Model) -> None:
    """Raise ChangedMeanwhileError when If-Match names another version of ``row``."""
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return
    versions = {tag.strip('"').partition(".")[0] for tag in _listed(given)}
    if version_of(row) not in versions:
        raise ChangedMeanwhileError(
            _("It was changed meanwhile. Get it again and look at what has changed.")
        )


def _listed(header: str) -> set[str]:
    return {each.strip().removeprefix("W/") for each in header.split(",")}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:LENGTH]
