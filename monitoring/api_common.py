"""What the addresses of the system share."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import APIException

from accounts.permissions import CanOperate
from btc_watcher.lib.api.moments import moment_text

if TYPE_CHECKING:
    from monitoring.runs.shown import Run


class Operators(CanOperate):
    """Reading is for those who may operate as well: it shows how the system is built."""

    private = True


class Conflict(APIException):
    """It is under way already, or nobody can be asked."""

    status_code = HTTPStatus.CONFLICT


def run_shape(run: Run | None) -> dict[str, Any] | None:
    """Return a run of a worker."""
    if run is None:
        return None
    return {
        "number": run.number,
        "what": run.what,
        "state": run.state,
        "by": run.by,
        "at": moment_text(run.at),
        "seconds": round(run.seconds, 3),
        "error": run.error,
        "steps": [f"{step.title} {step.detail}".strip() for step in run.steps],
    }
