"""Every command explains itself in both languages, and the documentation agrees."""

from __future__ import annotations

import re
import shlex

import pytest
from django.core.management import get_commands
from django.utils import translation

from btc_watcher.lib.commands.base import PlainCommand
from tests.commanding import (
    children,
    command_of,
    options,
    ours,
    parser_of,
    parsers,
    shown,
)
from tests.documented import LANGUAGES, names, text
from tests.translatable import ROOT

EXAMPLE = re.compile(r"^  manage\.py (.+)$", re.MULTILINE)
TYPED = re.compile(r"manage\.py ([a-z_]+\b.*)$", re.MULTILINE)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
WORDS = tuple(words for words, _parser in parsers())
EACH = pytest.mark.parametrize("words", WORDS)
BOTH = pytest.mark.parametrize("language", LANGUAGES)
CODES = {"en": "en", "zh": "zh-hans"}
WITHOUT_JSON = {
    "demo_seed": "its answer is one JSON object always",
    "run_mailcatcher": "runs until it is told to stop",
    "run_simulator": "runs until it is told to stop",
    "run_supervisor": "runs until it is told to stop",
    "freqtrade": "its sub-commands have it",
}
HEADINGS = {"en": "## Commands\n", "zh": "## 命令\n"}
PAGES = (
    *("README.md", "README.zh.md", "CONTRIBUTING.md"),
    *(name for language in LANGUAGES for name in names(language)),
)


def words_in(line: str) -> list[str]:
    """Return the words of a line without what the shell keeps to itself."""
    return shlex.split(re.split(r"\s+[#<|>]|\s*;", line)[0])


def parsed(line: str) -> None:
    """Check that the command's own parser takes the words behind manage.py."""
    name, *words = words_in(line)
    try:
        parser_of(name).parse_args(words)
    except SystemExit as error:
        raise AssertionError(f"manage.py {line} ends with {error.code}") from error


def lines_of(page: str) -> list[str]:
    """Return what stands behind manage.py in the code of a page.

    In a sentence the name alone is no command line: it speaks of the command.
    """
    found: list[str] = []
    for block, inline in re.findall(
        r"```sh\n(.*?)```|`([^`\n]+)`", text(page), re.DOTALL
    ):
        # An option that may be left out is an option.
        found += [
            re.sub(r"[\[\]]", "", line)
            for line in TYPED.findall(block or inline)
            if block or " " in line.strip()
        ]
    return found


def test_every_command_has_the_same_base() -> None:
    others = [name for name in ours() if not isinstance(command_of(name), PlainCommand)]
    assert others == []


@EACH
@BOTH
def test_help_is_there_with_examples_and_exit_codes(words: str, language: str) -> None:
    with translation.override(CODES[language]):
        parser = dict(parsers())[words]
        told = parser.format_help()
    examples = EXAMPLE.findall(told)
    assert examples
    assert all(example.startswith(words) for example in examples)
    for code in ("  0  ", "  1  ", "  2  "):
        assert f"\n{code}" in told
    plain = told.partition("manage.py")[0] + (parser.description or "")
    assert bool(CHINESE.search(plain)) is (language == "zh")


@EACH
def test_every_word_of_the_help_is_translated(words: str) -> None:
    with translation.override("zh-hans"):
        parser = dict(parsers())[words]
        told = parser.format_help()
        missing = [
            action.dest
            for action in shown(parser)
            if not CHINESE.search(action.help or "")
        ]
    assert missing == []
    comments = re.findall(r"^  # (.+)$", told, re.MULTILINE)
    codes = re.findall(r"^  \d+ +(.+)$", told, re.MULTILINE)
    assert [each for each in (*comments, *codes) if not CHINESE.search(each)] == []


@EACH
def test_the_parser_takes_its_own_examples(words: str) -> None:
    examples = EXAMPLE.findall(dict(parsers())[words].format_help())
    for example in examples:
        parsed(example)


@EACH
def test_what_prints_data_prints_json_too(words: str) -> None:
    has_json = "--json" in options(dict(parsers())[words])
    assert has_json is (words not in WITHOUT_JSON)


@EACH
def test_an_option_that_does_not_exist_ends_with_2(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = words.partition(" ")[0]
    example = EXAMPLE.findall(dict(parsers())[words].format_help())[0]
    typed = [*words_in(example), "--no-such-option"]
    with pytest.raises(SystemExit) as ended:
        command_of(name).run_from_argv(["manage.py", *typed])
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "--no-such-option" in told.err


@pytest.mark.parametrize("name", ours())
def test_every_command_is_run_by_a_test(name: str) -> None:
    run = re.compile(rf"[\"']{name}[\"'],? ?")
    tests = (path for path in (ROOT / "tests").rglob("*.py"))
    assert any(
        run.search(path.read_text(encoding="utf-8"))
        for path in tests
        if path.name != "test_commands.py"
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_command_line_of_a_page_is_one_that_works(page: str) -> None:
    known = get_commands()
    for line in lines_of(page):
        name = words_in(line)[0]
        assert name in known, f"{page} names manage.py {name}"
        parsed(line)


@BOTH
def test_the_table_of_commands_names_every_option_and_no_other(language: str) -> None:
    table = text(f"docs/{language}/operate.md").partition(HEADINGS[language])[2]
    table = table.partition("\n## ")[0]
    told: dict[str, set[str]] = {}
    for row in re.findall(r"^\| (`.*?`) \| ", table, re.MULTILINE):
        for code in re.findall(r"`([^`]+)`", row):
            found = re.match(r"(freqtrade )?[a-z_]+", code)
            assert found
            told.setdefault(found[0], set()).update(re.findall(r"--[a-z-]+", code))
    wanted = {
        words: options(parser) for words, parser in parsers() if not children(parser)
    }
    assert {words: told.get(words) for words in wanted} == wanted
