"""English and Chinese documentation are one documentation."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.documented import (
    CODE,
    IMAGE,
    LANGUAGES,
    LINK,
    headings,
    names,
    prose,
    shape,
    text,
)
from tests.translatable import ROOT

FILES = tuple(Path(name).name for name in names("en"))
PAIRS = (
    ("README.md", "README.zh.md"),
    *((f"docs/en/{file}", f"docs/zh/{file}") for file in FILES),
)
EACH_PAIR = pytest.mark.parametrize(("english", "chinese"), PAIRS)
EACH_PAGE = pytest.mark.parametrize("page", [page for pair in PAIRS for page in pair])
CHINESE = re.compile(r"[\u4e00-\u9fff]")
# Code that is no word of a language: options, keys, names of files, addresses.
EXACT = re.compile(r"[A-Z][A-Z_]+|--[a-z-]+|/[a-z0-9/{}_-]+|[a-z]+[_:.][a-z0-9_:.{}]+")


def words_of(page: str) -> str:
    """Return the prose without code, links' targets and pictures' addresses."""
    return CODE.sub("", LINK.sub("]", prose(page)))


def test_both_languages_have_the_same_pages() -> None:
    assert {Path(name).name for name in names("zh")} == set(FILES)
    wanted = "index install configure operate integrate develop architecture"
    assert {f"{name}.md" for name in wanted.split()} <= set(FILES)


@EACH_PAIR
def test_headings_tables_steps_and_pictures_are_the_same(
    english: str, chinese: str
) -> None:
    one, other = shape(text(english)), shape(text(chinese))
    assert other.headings == one.headings
    assert other.rows == one.rows
    assert other.steps == one.steps
    assert other.images == one.images


@EACH_PAIR
def test_examples_are_the_same_but_for_their_comments(
    english: str, chinese: str
) -> None:
    assert shape(text(chinese)).fences == shape(text(english)).fences


@EACH_PAIR
def test_names_of_things_occur_in_both_languages(english: str, chinese: str) -> None:
    named = [
        {code for code in CODE.findall(prose(text(page))) if EXACT.fullmatch(code)}
        for page in (english, chinese)
    ]
    assert named[0] == named[1]


@EACH_PAIR
def test_each_page_begins_with_a_link_to_the_other_language(
    english: str, chinese: str
) -> None:
    for page, other, name in (
        (english, chinese, "简体中文"),
        (chinese, english, "English"),
    ):
        up = "" if page.startswith("README") else f"../{other.split('/')[1]}/"
        line = text(page).splitlines()[2]
        assert line == f"[{name}]({up}{Path(other).name})"


@EACH_PAIR
def test_the_chinese_pages_are_chinese_and_the_english_ones_are_not(
    english: str, chinese: str
) -> None:
    plain = words_of(text(english)).replace("[简体中文]", "")
    assert CHINESE.findall(plain) == []
    paragraphs = [
        line
        for line in words_of(text(chinese)).splitlines()
        if len(re.findall(r"[A-Za-z]{3,}", line)) > 12
    ]
    assert [line for line in paragraphs if not CHINESE.search(line)] == []


@EACH_PAGE
def test_a_page_has_one_title_and_skips_no_level(page: str) -> None:
    levels = [level for level, _words in headings(text(page))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@EACH_PAGE
def test_no_two_headings_of_a_page_are_called_the_same(page: str) -> None:
    words = [words for _level, words in headings(text(page))]
    assert len(words) == len(set(words))


@EACH_PAGE
def test_every_picture_says_what_is_on_it(page: str) -> None:
    assert [address for words, address in IMAGE.findall(text(page)) if not words] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_index_leads_to_every_page(language: str) -> None:
    index = text(f"docs/{language}/index.md")
    others = {Path(name).name for name in names(language)} - {"index.md"}
    assert others - set(LINK.findall(index)) == set()


def test_every_picture_is_shown_on_some_page() -> None:
    shown = {
        Path(address).name.replace(".zh.png", ".png")
        for page in (page for pair in PAIRS for page in pair)
        for _words, address in IMAGE.findall(text(page))
    }
    files = {path.name for path in (ROOT / "docs" / "images").glob("*.png")}
    assert {name for name in files if "." not in name.removesuffix(".png")} - shown == (
        set()
    )


def test_no_page_tells_of_the_machine_on_which_it_was_written() -> None:
    for page in (page for pair in PAIRS for page in pair):
        found = re.findall(r"(?:/home/\w+|/tmp/\w+|/var/tmp)", text(page))
        assert found == [], page
