"""The documentation of docs/ as pages, in the reader's language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.http import Http404
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from pathlib import Path

    from django.http import HttpRequest, HttpResponse
    from markdown_it.token import Token

FIRST: Final = "index"
NAMES: Final = (
    FIRST,
    *("install", "configure", "operate", "integrate", "develop", "architecture"),
)
# The link to the other language, which the switch at the top is here.
OTHER_LANGUAGE: Final = re.compile(
    r"^\[[^\]]+\]\(\.\./(?:en|zh)/[^)]+\)$", re.MULTILINE
)
DEEPEST_LISTED: Final = 2


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading to jump to."""

    words: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Document:
    """A page of the documentation; ``html`` is safe."""

    name: str
    title: str
    html: SafeString
    headings: tuple[Heading, ...]


def documentation(request: HttpRequest, name: str = FIRST) -> HttpResponse:
    """Show one page of docs/; 404 for what is none, or where docs/ was left out."""
    folder = "zh" if (get_language() or "").startswith("zh") else "en"
    documents = [document_read(folder, each) for each in NAMES]
    shown = next((each for each in documents if each and each.name == name), None)
    if shown is None:
        raise Http404
    context = {
        "document": shown,
        "documents": [
            (each.title, _address(each.name), each is shown)
            for each in documents
            if each
        ],
    }
    return render(request, "documentation.html", context)


@cache
def document_read(folder: str, name: str) -> Document | None:
    """Return a page of the folder en or zh, None when there is no such file."""
    path: Path = settings.BASE_DIR / "docs" / folder / f"{name}.md"
    if name not in NAMES or not path.is_file():
        return None
    text = OTHER_LANGUAGE.sub("", path.read_text(encoding="utf-8"), count=1)
    # Without html in it: what is written there is shown as it is written.
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    headings = list(_anchored(tokens))
    for token in tokens:
        for child in token.children or ():
            _led_here(child)
    html = markdown.renderer.render(tokens, markdown.options, {})
    # The renderer escapes every text, and makes no tag but its own.
    safe = mark_safe(html)  # noqa: S308
    return Document(
        name=name,
        title=headings[0][1].words if headings else name,
        html=safe,
        headings=tuple(
            heading for level, heading in headings[1:] if level == DEEPEST_LISTED
        ),
    )


def anchor_of(words: str) -> str:
    """Return the anchor of a heading, the same that code forges make."""
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def _anchored(tokens: list[Token]) -> list[tuple[int, Heading]]:
    found = []
    for token, inside in pairwise(tokens):
        if token.type == "heading_open":
            plain = "".join(child.content for child in inside.children or ())
            heading = Heading(plain, anchor_of(plain))
            token.attrSet("id", heading.anchor)
            found.append((int(token.tag[1:]), heading))
        elif token.type in {"fence", "table_open"}:
            # It scrolls, so the keyboard must reach it.
            token.attrSet("tabindex", "0")
    return found


def _led_here(token: Token) -> None:
    """Let links and pictures of files lead to addresses of ours."""
    if token.type == "image":
        picture = str(token.attrs.get("src", "")).rpartition("/")[2]
        token.attrSet("src", static(f"docs/{picture}"))
        token.attrSet("loading", "lazy")
    elif token.type == "link_open":
        token.attrSet("href", _target(str(token.attrs.get("href", ""))))


def _target(written: str) -> str:
    """Return where a link leads here; a file that is not shown leads to the index."""
    if "://" in written or written.startswith("#"):
        return written
    file, _, place = written.partition("#")
    folder, _, last = file.rpartition("/")
    if folder.endswith("images"):
        return static(f"docs/{last}")
    name = last.removesuffix(".md")
    if folder or name not in NAMES:
        return _address(FIRST)
    return _address(name) + (f"#{place}" if place else "")


def _address(name: str) -> str:
    if name == FIRST:
        return reverse("docs")
    return reverse("docs-page", args=[name])
