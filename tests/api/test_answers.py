"""What is answered about real rows has the fields that the schema names, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from rest_framework.test import APIClient

from btc_watcher.lib.api.schema import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db
QUERIES = {
    "/api/v1/strategies/{id}/compare/": "?old=v1.0&new=v1.0",
    "/api/v1/charts/candles/": "?strategy={strategy}&pair=BTC/USDT&timeframe=5m",
    "/api/v1/charts/markers/": "?exchange=binance&pair=BTC/USDT",
    "/api/v1/notifications/explain/": "?signal={signal}",
    "/api/v1/silences/": "?ended=true",
}
# Nothing of these is there: no backup, no release, no choice.
ABSENT = (
    "/api/v1/system/backups/{name}/",
    "/api/v1/freqtrade/versions/{version}/",
    "/api/v1/notifications/{id}/",
    "/api/v1/signals/{identifier}/choice/",
)


def strict(part: Any) -> Any:
    """Return a schema in which an object has only the fields that it names."""
    if isinstance(part, list):
        return [strict(each) for each in part]
    if not isinstance(part, dict):
        return part
    found = {key: strict(value) for key, value in part.items()}
    if "properties" in found and found.get("type") == "object":
        found["additionalProperties"] = False
    if found.pop("nullable", False):
        return {"anyOf": [found, {"type": "null"}]}
    return found


def reads() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in schema()["paths"].items():
        if "get" not in methods or path in (*ABSENT, "/api/v1/schema/"):
            continue
        content = methods["get"]["responses"]["200"]["content"]
        if "application/json" in content:
            yield path, content["application/json"]


@pytest.mark.parametrize(
    ("path", "answer"), list(reads()), ids=lambda value: str(value)[:60]
)
def test_an_answer_has_the_fields_of_the_schema_and_no_others(
    path: str, answer: dict[str, Any], token: str, known: dict[str, Any]
) -> None:
    row = next((pk for start, pk in known.items() if path.startswith(start)), "")
    address = (
        path.replace("{version}", "v1.0")
        .replace("{id}", str(row))
        .replace("{identifier}", str(row))
        .replace("{name}", "signals_default" if "partitions" in path else str(row))
    )
    address += QUERIES.get(path, "").format(
        strategy=known["/api/v1/strategies/"], signal=known["/api/v1/signals/"]
    )
    client = APIClient(headers={"authorization": f"Bearer {token}"})

    found = client.get(address)

    assert found.status_code == 200, found.content
    document = strict(
        {"schema": answer["schema"], "components": schema()["components"]}
    )
    whole = {"components": document["components"], **document["schema"]}
    jsonschema_rs.Draft7Validator(whole).validate(found.json())
