"""Everything that the schema allows, and more, is answered as the schema says."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from btc_watcher.lib.api.schema import schema

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]

# Of each operation, as the schema allows, and the same with something wrong.
EXAMPLES = 5
BOUNDED = hypothesis_settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
NOTHING_TO_GET_WRONG = {"/api/v1/schema/"}
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
OPERATIONS = sorted(
    (path, method)
    for path, methods in schema()["paths"].items()
    for method in methods
    if method in ("get", "post", "patch", "delete", "put")
    # It never ends; tests/signals_app/test_stream.py is about it.
    and path != "/api/v1/stream/"
)
DESCRIBED = schemathesis.openapi.from_dict(schema())


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Keep the test's connection, as Django's own test client does."""
    for each in (request_started, request_finished):
        each.disconnect(close_old_connections)
    yield
    for each in (request_started, request_finished):
        each.connect(close_old_connections)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_answer_is_undocumented(
    path: str, method: str, token: str, known: dict[str, Any]
) -> None:
    operation = DESCRIBED[path][method]
    row = next((pk for start, pk in known.items() if path.startswith(start)), None)
    application = WSGIHandler()
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}

    def answers(case: Any, *, use: bool) -> None:
        """Send a case, in half of them about a row that there is."""
        if use and row is not None and case.path_parameters:
            first = next(iter(case.path_parameters))
            case.path_parameters[first] = row
        if method == "post":
            case.headers.pop("Idempotency-Key", None)
            if use:
                case.headers["Idempotency-Key"] = uuid.uuid4().hex
        case.call_and_validate(headers=headers, checks=CHECKS, app=application)

    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        if mode is GenerationMode.NEGATIVE and path in NOTHING_TO_GET_WRONG:
            continue
        cases = operation.as_strategy(generation_mode=mode)
        BOUNDED(given(case=cases, use=st.booleans())(answers))()
