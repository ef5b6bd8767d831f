"""The documentation names what there is, and nothing that is not."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver

from btc_watcher.lib import redis_keys
from monitoring.schedules.bounds import bounds_of
from tests.documented import LANGUAGES, lost_links, names, text, whole
from tests.translatable import APPS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VARIABLE = re.compile(r"\b(?:BTCW_[A-Z_]+[A-Z]|DATABASE(?:_REPLICA)?_URL|REDIS_URL)\b")
# Read by the tests' own plugin, for contributors only.
OF_THE_TESTS = {"BTCW_TEST_DATABASE_URL", "BTCW_TEST_REDIS_URL"}
READMES = {"en": "README.md", "zh": "README.zh.md"}
PAGES = (
    *READMES.values(),
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(name for language in LANGUAGES for name in names(language)),
)
BOTH = pytest.mark.parametrize("language", LANGUAGES)


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


def keys_of_redis() -> set[str]:
    """Return every key that lib/redis_keys.py builds, with its arguments by name."""
    tree = ast.parse(text("btc_watcher/lib/redis_keys.py"))
    built = {
        "".join(
            str(part.value) if isinstance(part, ast.Constant) else f"{{{_name(part)}}}"
            for part in node.values
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
    }
    fixed = {
        value
        for name, value in vars(redis_keys).items()
        if name.isupper() and isinstance(value, str)
    }
    queues = {redis_keys.notifications_queue(each) for each in redis_keys.PRIORITIES}
    return {key for key in built | fixed | queues if " " not in key} - {
        "queue:notifications:{priority}"
    }


def _name(part: ast.expr) -> str:
    assert isinstance(part, ast.FormattedValue)
    return ast.unparse(part.value)


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


def wanted_addresses() -> set[str]:
    """Return the addresses of the API, of health and of the metrics."""
    return {
        address
        for address in addresses(get_resolver().url_patterns)
        if address.startswith(("/api/v1/", "/health/", "/metrics"))
    }


def test_the_code_reads_the_variables_that_this_test_looks_for() -> None:
    found = variables_in_code()
    assert {"BTCW_HOME", "BTCW_PORT", "BTCW_SECRET_KEY", "REDIS_URL"} <= found


@BOTH
def test_every_variable_has_a_row_in_both_languages_and_no_other(language: str) -> None:
    page = text(f"docs/{language}/configure.md")
    rows = re.findall(rf"^\| `({VARIABLE.pattern})` \|", page, re.MULTILINE)
    assert set(rows) == variables_in_code()
    assert len(rows) == len(set(rows))


def test_the_example_of_an_environment_names_every_variable_and_no_other() -> None:
    found = set(VARIABLE.findall(text(".env.example")))
    assert found - OF_THE_TESTS == variables_in_code()


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_a_variable_that_nothing_reads(page: str) -> None:
    if page == "CHANGELOG.md":
        pytest.skip("It tells of what was, too.")
    named = set(VARIABLE.findall(text(page)))
    assert named - OF_THE_TESTS - variables_in_code() == set()


def test_the_example_of_an_environment_sets_nothing_by_itself() -> None:
    lines = text(".env.example").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


@BOTH
def test_every_redis_key_has_a_row_in_both_languages_and_no_other(
    language: str,
) -> None:
    page = text(f"docs/{language}/architecture.md")
    heading = {"en": "## Redis keys\n", "zh": "## Redis 键\n"}[language]
    table = page.partition(heading)[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    assert "signals:realtime" in keys_of_redis()
    assert {key for row in rows for key in re.findall(r"`([^`]+)`", row)} == (
        keys_of_redis()
    )


@BOTH
def test_every_interval_stands_with_its_bounds_in_both_languages(language: str) -> None:
    schedule: dict[str, Any] = settings.CELERY_BEAT_SCHEDULE
    page = text(f"docs/{language}/operate.md")
    row = re.compile(r"^\| `([a-z ]+)` \| (\d+) \| (\d+)\u2013(\d+) \| (\S+) \|", re.M)
    needed = {"en": "no", "zh": "否"}[language]
    told = {
        name: (*map(int, numbers), word == needed)
        for name, *numbers, word in row.findall(page)
    }
    wanted = {}
    for name, entry in schedule.items():
        seconds = round(entry["schedule"].run_every.total_seconds())
        bounds = bounds_of(name, seconds)
        wanted[name] = (seconds, bounds.least, bounds.most, bounds.needed)
    assert told == wanted


@BOTH
def test_every_target_that_make_explains_is_documented(language: str) -> None:
    page = text(f"docs/{language}/develop.md")
    documented = set(re.findall(r"^\| `make ([a-z-]+)` \|", page, re.MULTILINE))
    assert documented == targets(explained=True)


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


@BOTH
def test_every_command_of_ours_is_documented(language: str) -> None:
    ours = {name for name, app in get_commands().items() if app in APPS}
    heading = {"en": "## Commands\n", "zh": "## 命令\n"}[language]
    table = text(f"docs/{language}/operate.md").partition(heading)[2]
    assert "rotate_partitions" in ours
    assert {name for name in ours if not re.search(rf"`{name}\b", table)} == set()


@BOTH
def test_every_address_of_the_api_and_of_health_is_documented(language: str) -> None:
    pages = whole(language)
    wanted = wanted_addresses()
    assert "/api/v1/signals/{id}/" in wanted
    assert {each for each in wanted if f"{each}`" not in pages} == set()


@BOTH
def test_no_address_of_the_api_is_documented_that_is_not_there(language: str) -> None:
    named = re.findall(r"(/api/v1/[a-z0-9{}/-]*/)[`?]", whole(language))
    assert set(named) - wanted_addresses() == set()


def test_every_marker_of_the_tests_is_explained() -> None:
    read = tomllib.loads(text("pyproject.toml"))
    for line in read["tool"]["pytest"]["markers"]:
        marker = line.partition(":")[0]
        assert f"`{marker}`" in text("CONTRIBUTING.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_a_picture_or_a_heading_leads_somewhere(page: str) -> None:
    assert lost_links(page) == []


@BOTH
def test_both_commands_stand_at_the_top_of_the_readme(language: str) -> None:
    top = text(READMES[language]).partition("\n## ")[0]
    assert "make up" in top
    assert "make test" in top
