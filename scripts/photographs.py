#!/usr/bin/env python3
"""Takes every page of a running system in both languages, both themes and two widths.

Usage: make photographs PASSWORD=… [ADDRESS=…] [ACCOUNT=…] [ONLY="--quick /strategies/"]

Pages are found by following links from the start page; of pages that differ only in a
number, one is taken. They go to var/photographs with an index.html to look through them.
What a person would stumble over is printed: a page that is wider than its window, errors
of scripts, requests that fail, English on a Chinese page. Ends with 1 when nobody could
log in, or when there is no page.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from babel.messages.pofile import read_po
from playwright.sync_api import Error, sync_playwright
from screenshots import QUIET, VARIANTS, ScreenshotError, chromium, context_of, log_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Browser, Page, Request, Response, StorageState

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "var" / "photographs"
CATALOGUE: Final = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
WIDTHS: Final = (1440, 380)
# Watched all day on a big screen.
WIDER: Final = {"/": (1920, 1440, 380)}
TALLEST: Final = 3_000
# Opening one of these makes a draft; the login is where nobody comes who is inside.
NOT_OPENED: Final = re.compile(
    r"/strategies/\*/(edit|copy)/|/api/v1/|/static/|/admin/(.+/\*/(history|delete)/"
    r"|.+/(add|delete)/|jsi18n/|logout/|password_change/|r/)"
)
LINKS: Final = """
[...document.querySelectorAll('a[href]:not([download])')]
  .filter(link => link.origin === location.origin).map(link => link.pathname)
"""
WORDS: Final = """() => {
  const found = [];
  const skipped = 'code, pre, script, style, textarea, select, svg, body [lang], .mono, .token';
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    if (text && !walker.currentNode.parentElement.closest(skipped)) found.push(text);
  }
  for (const each of document.querySelectorAll('[title], [aria-label], [placeholder]'))
    if (!each.closest(skipped)) found.push(
      ...['title', 'aria-label', 'placeholder'].map(name => each.getAttribute(name))
        .filter(text => text).map(text => text.trim()));
  return found;
}"""
SENTENCE: Final = re.compile(r"[A-Za-z][a-z']*( [a-z][a-z']+){2,}")
CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")


@dataclass(slots=True)
class Notes:
    """What was seen on pages, and on which pictures."""

    found: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, path: str, what: str, where: str) -> None:
        """Remember ``what`` of ``path``, once for each picture."""
        if where not in self.found[f"{path}  {what}"]:
            self.found[f"{path}  {what}"].append(where)

    def lines(self) -> Iterator[str]:
        """Give a line for each, with the pictures it was seen on."""
        for what, where in sorted(self.found.items()):
            yield f"{what}  ({', '.join(where)})"


def kind(path: str) -> str:
    """Return what ``path`` shares with pages of other rows: numbers become ``*``."""
    return "/".join("*" if re.search(r"\d", part) else part for part in path.split("/"))


def _is_admin_row(path: str) -> bool:
    return path.startswith("/admin/") and path.endswith("/change/")


def discovered(page: Page, address: str) -> Iterator[str]:
    """Give the path of one page of each kind that links lead to, the start page first."""
    waiting, seen = ["/", "/admin/"], {"/", "/admin/"}
    while waiting:
        path = waiting.pop(0)
        if not _is_page(page, address, path):
            continue
        yield path
        if _is_admin_row(path):
            continue
        for link in page.evaluate(LINKS):
            name = kind(_row_as_number(link))
            if name not in seen and not NOT_OPENED.match(name):
                seen.add(name)
                waiting.append(link)


def _row_as_number(path: str) -> str:
    """Return ``path`` with the key of the admin's row as a number: it may be a word."""
    return re.sub(r"^(/admin/\w+/\w+)/[^/]+/(\w+/)$", r"\1/0/\2", path)


def _is_page(page: Page, address: str, path: str) -> bool:
    """Open ``path``; tell whether that is a page of its own and no download."""
    try:
        answer = page.goto(f"{address}{path}")
    except Error:  # what is to be kept is no page, and the browser says so
        return False
    if answer is None or not answer.ok or urlsplit(page.url).path != path:
        return False
    return answer.headers.get("content-type", "").startswith("text/html")


def translated() -> frozenset[str]:
    """Return the English texts that have another wording in Chinese."""
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="zh_Hans")
    return frozenset(
        message.id
        for message in catalogue
        if isinstance(message.id, str) and message.string not in {"", message.id}
    )


def english(texts: Sequence[str], known: frozenset[str]) -> Iterator[str]:
    """Give what is English among the texts of a Chinese page, names of rows left out."""
    for text in texts:
        words = " ".join(text.split())
        if words in known or (not CHINESE.search(words) and SENTENCE.search(words)):
            yield words[:80]


def file_of(path: str, variant: tuple[str, str], width: int) -> str:
    """Return the name of a picture, such as ``strategies.zh.dark.380.png``."""
    one = kind(path).replace("*", "one")
    name = re.sub(r"[^\w.]+", "-", one).strip("-") or "live"
    return f"{name}.{variant[0][:2]}.{variant[1]}.{width}.png"


class Camera:
    """Takes pages in one language and theme, and notes what is wrong with them."""

    def __init__(self, page: Page, variant: tuple[str, str], notes: Notes) -> None:
        self.page, self.variant, self.notes = page, variant, notes
        self.known = translated() if variant[0].startswith("zh") else frozenset()
        self._path, self._where = "", " ".join(variant)
        page.on("pageerror", lambda error: self._note(f"script: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def _note(self, what: str, width: int | None = None) -> None:
        where = f"{self._where} {width}" if width else self._where
        self.notes.add(kind(self._path), what, where)

    def _failed(self, request: Request) -> None:
        # Leaving a page ends what it was still asking for.
        if "ERR_ABORTED" not in (request.failure or ""):
            self._note(f"request: {request.url} {request.failure}")

    def _answered(self, answer: Response) -> None:
        if answer.status >= 400:
            self._note(f"request: {urlsplit(answer.url).path} answered {answer.status}")

    def take(self, address: str, path: str, to: Path) -> list[str]:
        """Take ``path`` in every width; return the names of the pictures."""
        self._path = path
        self.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        self.page.goto(f"{address}{path}")
        self.page.wait_for_timeout(500)  # charts draw, and live parts arrive
        if self.known:
            for words in english(self.page.evaluate(WORDS), self.known):
                self._note(f"English: {words}")
        return [self._picture(path, width, to) for width in self._widths(path)]

    @staticmethod
    def _widths(path: str) -> Sequence[int]:
        # The admin is made for a desk.
        return WIDTHS[:1] if path.startswith("/admin/") else WIDER.get(path, WIDTHS)

    def _picture(self, path: str, width: int, to: Path) -> str:
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.wait_for_timeout(150)
        size = self.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        if size[0] > width:
            self._note(f"is {size[0] - width} px too wide", width)
        name = file_of(path, self.variant, width)
        height = min(size[1], TALLEST)
        self.page.screenshot(
            path=to / name,
            full_page=True,
            clip={"x": 0, "y": 0, "width": width, "height": height},
        )
        return name


def photograph(
    browser: Browser,
    address: str,
    state: StorageState,
    chosen: argparse.Namespace,
) -> tuple[dict[str, list[str]], Notes]:
    """Take the pages in the variants that are wanted.

    Returns the pictures of each page, and what was seen.
    """
    notes = Notes()
    taken: dict[str, list[str]] = defaultdict(list)
    chosen.to.mkdir(parents=True, exist_ok=True)
    paths = list(chosen.only)
    for variant in VARIANTS[:: len(VARIANTS) - 1 if chosen.quick else 1]:
        context = context_of(browser, state, address, variant)
        page = context.new_page()
        for path in () if paths else discovered(page, address):
            sys.stdout.write(f"found {path}\n")
            sys.stdout.flush()
            paths.append(path)
        camera = Camera(page, variant, notes)
        for number, path in enumerate(paths, 1):
            sys.stdout.write(f"{' '.join(variant)} {number}/{len(paths)} {path}\n")
            sys.stdout.flush()
            taken[path] += camera.take(address, path, chosen.to)
        context.close()
    return taken, notes


def listed(browser: Browser, address: str, state: StorageState) -> int:
    """Print the pages that are found; return the exit code."""
    page = context_of(browser, state, address, VARIANTS[0]).new_page()
    found = list(discovered(page, address))
    sys.stdout.writelines(f"{path}\n" for path in found)
    return 0 if found else 1


STYLE: Final = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 1.5rem; }
section { margin: 2rem 0; } .row { display: flex; gap: 1rem; overflow-x: auto; }
figure { margin: 0; flex: none; } img { display: block; max-height: 420px;
max-width: 620px; border: 1px solid #999; } figcaption { font-size: 12px; color: #555; }
"""


def index(taken: dict[str, list[str]], notes: Notes) -> str:
    """Return a page that shows all pictures and, above, all that was seen."""
    seen = "".join(f"<li>{escape(line)}</li>" for line in notes.lines())
    sections = []
    for path, names in taken.items():
        pictures = "".join(
            f'<figure><a href="{name}"><img loading="lazy" src="{name}" alt=""></a>'
            f"<figcaption>{name}</figcaption></figure>"
            for name in names
        )
        sections.append(
            f'<section><h2>{escape(path)}</h2><div class="row">{pictures}</div></section>'
        )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Photographs</title>'
        f"<style>{STYLE}</style><h1>{len(taken)} pages</h1><ul>{seen}</ul>"
        f"{''.join(sections)}</html>"
    )


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--account", default="admin")
    parser.add_argument("--password", required=True)
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder (%(default)s)")
    parser.add_argument(
        "--quick", action="store_true", help="only English dark and Chinese light"
    )
    parser.add_argument("--list", action="store_true", help="only name the pages")
    parser.add_argument("only", nargs="*", help="paths of pages (all)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures; return the exit code."""
    chosen = options(arguments)
    address = chosen.address.rstrip("/")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(), args=list(QUIET)
            )
            state = log_in(browser, address, chosen.account, chosen.password)
            if chosen.list:
                return listed(browser, address, state)
            taken, notes = photograph(browser, address, state, chosen)
            browser.close()
    except ScreenshotError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Error as error:
        sys.stderr.write(f"{address}: {error.message.partition(chr(10))[0]}\n")
        return 1
    (chosen.to / "index.html").write_text(index(taken, notes), encoding="utf-8")
    seen = json.dumps(notes.found, indent=1, ensure_ascii=False)
    (chosen.to / "seen.json").write_text(seen, encoding="utf-8")
    sys.stdout.writelines(f"seen: {line}\n" for line in notes.lines())
    sys.stdout.write(f"{len(taken)} pages, {chosen.to / 'index.html'}\n")
    return 0 if taken else 1


if __name__ == "__main__":
    sys.exit(main())
