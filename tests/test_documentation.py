"""The documentation names what there is, and nothing that is not."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver

from tests.translatable import APPS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VARIABLE = re.compile(r"\b(?:BTCW_[A-Z_]+[A-Z]|DATABASE(?:_REPLICA)?_URL|REDIS_URL)\b")
# Read by the tests' own plugin, for contributors only.
OF_THE_TESTS = {"BTCW_TEST_DATABASE_URL", "BTCW_TEST_REDIS_URL"}
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def variables_in_code() -> set[str]:
    """Return the variables that occur as a whole text in btc_watcher/ but its lib."""
    found = set()
    for path in sorted((ROOT / "btc_watcher").rglob("*.py")):
        if path.is_relative_to(ROOT / "btc_watcher" / "lib"):
            continue
        found |= {value for value in _texts(path) if VARIABLE.fullmatch(value)}
    return found


def _texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def targets(*, explained: bool) -> set[str]:
    """Return the targets of the Makefile; ``explained`` are those that help lists."""
    pattern = r"^([a-z-]+):(?!=).*## " if explained else r"^([a-z-]+):(?!=)"
    return set(re.findall(pattern, text("Makefile"), re.MULTILINE))


def addresses(
    patterns: list[URLPattern | URLResolver], start: str = "/"
) -> Iterator[str]:
    for pattern in patterns:
        address = start + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, address)
        else:
            # Keys are numbers, but a release is known by its version.
            named = address.replace("<str:version>", "{version}")
            yield re.sub(r"<[^>]*>", "{id}", named)


def anchor(heading: str) -> str:
    """Return the anchor that a heading gets where repositories are shown."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_code_reads_the_variables_that_this_test_looks_for() -> None:
    found = variables_in_code()
    assert {"BTCW_HOME", "BTCW_PORT", "BTCW_SECRET_KEY", "REDIS_URL"} <= found


@pytest.mark.parametrize("page", ["README.md", ".env.example"])
def test_every_variable_is_documented_and_no_other(page: str) -> None:
    assert set(VARIABLE.findall(text(page))) - OF_THE_TESTS == variables_in_code()


def test_the_example_of_an_environment_sets_nothing_by_itself() -> None:
    lines = text(".env.example").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_every_target_that_make_explains_is_in_the_readme() -> None:
    documented = set(re.findall(r"\bmake ([a-z-]+)`", text("README.md")))
    assert targets(explained=True) - documented == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_target_that_a_page_names_exists(page: str) -> None:
    # In code only: in prose "make" is a word like any other.
    code = re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", text(page), re.DOTALL)
    named = {
        name
        for parts in code
        for name in re.findall(
            r"(?:^|[ =])make ([a-z-]+)", "".join(parts), re.MULTILINE
        )
    }
    assert named - targets(explained=False) == set()


def test_every_command_of_ours_is_documented() -> None:
    ours = {name for name, app in get_commands().items() if app in APPS}
    pages = text("README.md") + text("CONTRIBUTING.md")
    assert "rotate_partitions" in ours
    assert {name for name in ours if not re.search(rf"\b{name}\b", pages)} == set()


def test_every_address_of_the_api_and_of_health_is_in_the_readme() -> None:
    readme = text("README.md")
    wanted = {
        address
        for address in addresses(get_resolver().url_patterns)
        if address.startswith(("/api/v1/", "/health/"))
    }
    assert "/api/v1/signals/{id}/" in wanted
    assert {address for address in wanted if address not in readme} == set()


def test_every_marker_of_the_tests_is_explained() -> None:
    settings = tomllib.loads(text("pyproject.toml"))
    for line in settings["tool"]["pytest"]["markers"]:
        marker = line.partition(":")[0]
        assert f"`{marker}`" in text("CONTRIBUTING.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_or_a_heading_leads_somewhere(page: str) -> None:
    lost = []
    for link in LINK.findall(text(page)):
        name, _, place = link.partition("#")
        if "://" in link:
            continue
        target = name or page
        headings = HEADING.findall(text(target)) if place else []
        there = not place or place in {anchor(heading) for heading in headings}
        if not (ROOT / target).exists() or not there:
            lost.append(link)
    assert lost == []


def test_both_commands_stand_at_the_top_of_the_readme() -> None:
    top = text("README.md").partition("\n## ")[0]
    assert "make up" in top
    assert "make test" in top
