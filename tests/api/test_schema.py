"""The description of the API says everything of every address, and is itself sound."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.schema import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rest_framework.test import APIClient

METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM = "application/problem+json"


def routes(patterns: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:
    for each in get_resolver().url_patterns if patterns is None else patterns:
        address = f"{before}{each.pattern}"
        if hasattr(each, "url_patterns"):
            yield from routes(each.url_patterns, address)
        elif address.startswith("api/v1/"):
            yield address, each.callback


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in schema()["paths"].items():
        for method in METHODS:
            if method in methods:
                yield path, method, methods[method]


def test_the_schema_is_sound_and_was_made_without_a_complaint() -> None:
    GENERATOR_STATS.reset()
    schema.cache_clear()

    validate_schema(schema())

    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache


def test_every_address_of_the_api_is_described() -> None:
    described = {(path.lstrip("/"), method) for path, method, _ in operations()}

    for address, callback in routes():
        view = callback.view_class
        assert issubclass(view, ApiView), f"{address} is no ApiView"
        plain = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", address).replace("{pk}", "{id}")
        for method in METHODS:
            if hasattr(view, method):
                assert (plain, method) in described, f"{method} {plain} is missing"


def test_every_operation_has_a_name_a_summary_and_a_description() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))

    for path, method, operation in operations():
        at = f"{method} {path}"
        assert operation["summary"], at
        assert operation["description"].endswith("."), at
        assert operation["tags"], at


def test_every_operation_says_what_it_answers_and_what_it_refuses() -> None:
    for path, method, operation in operations():
        at = f"{method} {path}"
        answers = operation["responses"]
        good = [code for code in answers if code.startswith("2")]
        assert good, at
        expected = {"400", "406", "429"}
        if operation.get("security"):
            expected |= {"401", "403"}
        if "{" in path:
            expected |= {"404"}
        if method == "get" and "application/json" in answers["200"]["content"]:
            expected |= {"304"}
        assert expected <= answers.keys(), f"{at} lacks {expected - answers.keys()}"
        for code, answer in answers.items():
            assert answer["description"], f"{at} {code}"
            if code.startswith(("4", "5")):
                assert PROBLEM in answer["content"], f"{at} {code}"
            elif code not in ("204", "304"):
                assert answer["content"], f"{at} {code}"


def test_every_change_takes_an_idempotency_key_unless_it_answers_a_secret() -> None:
    for path, method, operation in operations():
        if method != "post":
            continue
        takes = {each["name"] for each in operation.get("parameters", [])}
        secret = operation["operationId"] in {
            "token_create",
            "tokens_create",
            "strategies_live_enable",
            "hooks_open",
            # A signal is what it means: it is stored once anyway.
            "hooks_post",
            "hooks_post_signed",
        }
        assert ("Idempotency-Key" in takes) != secret, path


def test_every_list_comes_in_pages_and_lets_fields_be_chosen() -> None:
    # What is small by nature and is shown as a whole.
    whole = {"partitions_list", "proxies_history", "outcomes_list"}
    for path, method, operation in operations():
        answer = operation["responses"].get("200")
        if method != "get" or operation["operationId"] in whole or not answer:
            continue
        body = answer["content"].get("application/json", {}).get("schema", {})
        name = body.get("$ref", "").rpartition("/")[2]
        component = schema()["components"]["schemas"].get(name, {})
        if "next" not in component.get("properties", {}):
            continue
        takes = {each["name"] for each in operation["parameters"]}
        assert {"cursor", "page_size", "fields"} <= takes, path


@pytest.mark.django_db
def test_the_schema_is_given_to_anybody_as_json() -> None:
    answer = Client().get("/api/v1/schema/")

    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.")


def test_the_schema_is_not_sent_again_to_who_has_it(api: APIClient) -> None:
    tag = api.get("/api/v1/schema/")["ETag"]

    assert api.get("/api/v1/schema/", headers={"if-none-match": tag}).status_code == 304
