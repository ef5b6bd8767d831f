"""Which pages there are: found out from the addresses, so that none is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.urls import reverse

from tests.test_access import PAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import APIRequestContext


def routes() -> list[str]:
    """Return every route of a page outside of the admin, its variables still in it."""
    return [page.route for page in PAGES]


def filled(route: str, values: Mapping[str, object]) -> str:
    """Return the address of ``route`` with the value that ``values`` has for it."""
    before, variable, after = route.lstrip("/").partition("<")
    if not variable:
        return route
    assert before in values, (
        f"{route} is new: give tests/e2e/full_house.py a row for {before!r}."
    )
    after = after.partition(">")[2]
    return f"/{before}{values[before]}{after}"


def is_page(request: APIRequestContext, url: str) -> bool:
    """Tell whether a person who opens ``url`` sees a whole page; parts are none."""
    answer = request.get(url, max_redirects=0, timeout=20_000)
    try:
        assert answer.status != 500, f"{url} answered {answer.status}"
        html = answer.headers.get("content-type", "").startswith("text/html")
        return answer.ok and html and b"<html" in answer.body()[:2_000]
    finally:
        answer.dispose()


def pages(
    request: APIRequestContext, base: str, values: Mapping[str, object]
) -> list[str]:
    """Return the addresses of all pages that answer with a whole page."""
    wanted = [filled(route, values) for route in routes()]
    return [path for path in wanted if is_page(request, f"{base}{path}")]


def admin_pages(request: APIRequestContext, base: str) -> Iterator[str]:
    """Give the addresses of the admin's start page and of every list in it."""
    yield reverse("admin:index")
    for model in sorted(admin.site._registry, key=lambda each: each._meta.label):
        options = model._meta
        path = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
        if is_page(request, f"{base}{path}"):
            yield path
