"""What the pages of the documentation hold, read as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.translatable import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LANGUAGES: Final = ("en", "zh")
HEADING: Final = re.compile(r"^(#+) (.+)$", re.MULTILINE)
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
FENCE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
ROW: Final = re.compile(r"^\|.*\|$", re.MULTILINE)
CODE: Final = re.compile(r"`([^`\n]+)`")
IMAGE: Final = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")


class Page(NamedTuple):
    """The shape of a page, without its words."""

    headings: list[int]
    rows: list[int]
    fences: list[str]
    steps: int
    images: list[str]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def names(language: str) -> list[str]:
    """Return the pages of a language, such as docs/en/install.md."""
    found = sorted((ROOT / "docs" / language).glob("*.md"))
    return [str(path.relative_to(ROOT)) for path in found]


def whole(language: str) -> str:
    """Return all pages of a language as one text."""
    return "\n".join(text(name) for name in names(language))


def prose(page: str) -> str:
    """Return the text of a page without its fenced code."""
    return FENCE.sub("", page)


def headings(page: str) -> list[tuple[int, str]]:
    """Return level and words of each heading."""
    return [(len(marks), words) for marks, words in HEADING.findall(prose(page))]


def anchor(heading: str) -> str:
    """Return the anchor that a heading gets where repositories are shown."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def without_comments(fence: str) -> str:
    """Return code without what stands after a # that follows a space."""
    return re.sub(r" +# .*$", "", fence, flags=re.MULTILINE)


def shape(page: str) -> Page:
    """Return the shape of a page: two languages of one page have the same."""
    plain = prose(page)
    fences = [each for each in FENCE.findall(page) if not each.startswith("```text")]
    return Page(
        headings=[level for level, _words in headings(page)],
        rows=[row.replace(r"\|", "").count("|") for row in ROW.findall(plain)],
        fences=[without_comments(fence) for fence in fences],
        steps=len(re.findall(r"^(?:\d+\.|-) ", plain, re.MULTILINE)),
        images=[
            address.replace(".zh.png", ".png")
            for _words, address in IMAGE.findall(plain)
        ],
    )


def lost_links(name: str) -> list[str]:
    """Return the links of a page that lead to no file or no heading."""
    here: Path = (ROOT / name).parent
    lost = []
    for link in LINK.findall(prose(text(name))):
        if "://" in link:
            continue
        target, _, place = link.partition("#")
        path = (here / target).resolve() if target else ROOT / name
        if not path.exists() or (place and place not in _anchors(path)):
            lost.append(link)
    return lost


def _anchors(path: Path) -> set[str]:
    return {anchor(words) for _level, words in headings(path.read_text("utf-8"))}
