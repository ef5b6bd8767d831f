#!/usr/bin/env python3
"""Makes the pictures of the documentation from the pages of a running system.

Usage: make screenshots PASSWORD=… [ADDRESS=…] [ACCOUNT=…] [ONLY="live-page system"]

Every picture is made four times: NAME.png (English, dark), NAME.light.png, NAME.zh.png
and NAME.zh.light.png. Pages that need what is not there are left out and said. Ends with
1 when nobody could log in, or when no picture was made.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from playwright.sync_api import Error, sync_playwright
from playwright.sync_api import TimeoutError as Late

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Browser, BrowserContext, Page, StorageState

IMAGES: Final = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDTH: Final = 1440
# Chromium asks its maker's hosts for this and that at every start.
QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
THEME: Final = "try {{ localStorage.setItem('btcw-theme', '{theme}') }} catch {{}}"
VARIANTS: Final = tuple(
    (language, theme) for language in ("en", "zh-hans") for theme in ("dark", "light")
)


@dataclass(frozen=True, slots=True)
class Shot:
    """A page: its address, or the first link that ``follow`` finds on it."""

    address: str
    height: int
    follow: str = ""
    ready: str = "main"


SHOTS: Final[dict[str, Shot]] = {
    "dashboard": Shot("/dashboard/", 900, ready="#dash-signals"),
    "live-page": Shot("/", 900, ready="#connection[data-state=online]"),
    "signals": Shot("/signals/?period=7d", 860, ready="#found table"),
    "outcomes": Shot("/outcomes/", 700, ready=".rates"),
    "strategies-list": Shot("/strategies/", 860),
    "strategy-detail": Shot("/strategies/", 1180, follow=r"/strategies/\d+/"),
    "chart": Shot("/charts/", 860, ready="canvas"),
    "proxies": Shot("/proxies/", 560),
    "upgrade": Shot(
        "/freqtrade/operations/", 940, follow=r"/freqtrade/operations/\d+/"
    ),
    "channel": Shot(
        "/notifications/channels/", 1000, follow=r"/notifications/channels/\d+/"
    ),
    "who-gets-what": Shot("/notifications/preview/", 480),
    "history": Shot("/notifications/", 1070),
    "settings": Shot("/settings/", 1200, ready="form"),
    "admin": Shot("/admin/", 900, ready="#state"),
    "system": Shot("/system/", 1175),
    "database": Shot("/system/database/", 1170),
    "partitions": Shot("/system/partitions/", 1185),
    "backups": Shot("/system/backups/", 620),
}


class ScreenshotError(Exception):
    """A sentence for whoever runs the script."""


def file_name(name: str, language: str, theme: str) -> str:
    """Return the file of a picture, such as ``chart.zh.light.png``."""
    parts = [name]
    parts += ["zh"] if language.startswith("zh") else []
    parts += ["light"] if theme == "light" else []
    return ".".join([*parts, "png"])


def chromium() -> str | None:
    """Return the program that pages are opened with; None leaves it to playwright."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def log_in(browser: Browser, address: str, account: str, password: str) -> StorageState:
    """Return the cookies of a login.

    ScreenshotError when it is refused, or when the account has a theme or a language of
    its own.
    """
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}/login/")
    page.fill("input[name=username]", account)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    try:
        page.wait_for_url(lambda url: "/login/" not in url, timeout=15_000)
    except Late as error:
        raise ScreenshotError(
            f"{address} did not let {account} in. Check ACCOUNT and PASSWORD; an account"
            " with a second factor cannot be used."
        ) from error
    theme = page.evaluate("document.documentElement.dataset.accountTheme ?? 'auto'")
    state = context.storage_state()
    context.close()
    for variant in VARIANTS[::2]:
        _language_require(
            context_of(browser, state, address, variant), address, variant
        )
    if theme != "auto":
        raise ScreenshotError(
            f"{account} keeps the theme {theme}, so there would be no pictures in the"
            " other one. Let it follow the system, on the page of the settings."
        )
    return state


def _language_require(
    context: BrowserContext, address: str, variant: tuple[str, str]
) -> None:
    page = context.new_page()
    page.goto(f"{address}/settings/")
    shown = page.evaluate("document.documentElement.lang")
    context.close()
    if shown != variant[0]:
        raise ScreenshotError(
            f"The account keeps the language {shown}, so there would be no pictures in"
            f" {variant[0]}. Let it follow the browser, on the page of the settings."
        )


def context_of(
    browser: Browser, state: StorageState, address: str, variant: tuple[str, str]
) -> BrowserContext:
    """Return a window in one language and theme, for somebody who is logged in."""
    language, theme = variant
    context = browser.new_context(
        storage_state=state,
        viewport={"width": WIDTH, "height": 900},
        color_scheme="light" if theme == "light" else "dark",
        locale="zh-CN" if language.startswith("zh") else "en-GB",
        reduced_motion="reduce",
    )
    context.add_cookies(
        [{"name": "django_language", "value": language, "url": address}]
    )
    context.add_init_script(THEME.format(theme=theme))
    return context


def take(page: Page, address: str, shot: Shot, path: Path) -> str:
    """Make one picture; return why there is none, "" when there is one."""
    page.set_viewport_size({"width": WIDTH, "height": shot.height})
    answer = page.goto(f"{address}{shot.address}")
    if answer is None or not answer.ok:
        return f"{shot.address} answered {answer.status if answer else 'nothing'}"
    if shot.follow:
        found = page.evaluate(
            "pattern => [...document.querySelectorAll('main a[href]')]"
            ".map(link => link.pathname)"
            ".find(path => new RegExp('^' + pattern + '$').test(path))",
            shot.follow,
        )
        if not found:
            return f"nothing is listed at {shot.address} yet"
        page.goto(f"{address}{found}")
    try:
        page.wait_for_selector(shot.ready, timeout=15_000)
    except Late:
        return f"{shot.address} did not show {shot.ready} within 15 s"
    page.wait_for_timeout(1_500)  # charts draw, and live parts arrive
    page.screenshot(path=path)
    return ""


def make(
    browser: Browser, address: str, state: StorageState, wanted: Sequence[str], to: Path
) -> int:
    """Make the wanted pictures in all variants; return how many."""
    made = 0
    to.mkdir(parents=True, exist_ok=True)
    for variant in VARIANTS:
        context = context_of(browser, state, address, variant)
        page = context.new_page()
        for name in wanted:
            path = to / file_name(name, *variant)
            problem = take(page, address, SHOTS[name], path)
            made += not problem
            sys.stdout.write(f"{path.name}: {problem or 'made'}\n")
            sys.stdout.flush()
        context.close()
    return made


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--account", default="admin")
    parser.add_argument("--password", required=True)
    parser.add_argument("--to", type=Path, default=IMAGES, help="folder (%(default)s)")
    parser.add_argument("only", nargs="*", help=f"of {', '.join(SHOTS)} (all)")
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.only) - set(SHOTS)):
        parser.error(
            f"No picture is called {', '.join(unknown)}; there are {', '.join(SHOTS)}."
        )
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the pictures; return the exit code."""
    chosen = options(arguments)
    address = chosen.address.rstrip("/")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(), args=list(QUIET)
            )
            state = log_in(browser, address, chosen.account, chosen.password)
            made = make(browser, address, state, chosen.only or list(SHOTS), chosen.to)
            browser.close()
    except ScreenshotError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Error as error:
        sys.stderr.write(f"{address}: {error.message.partition(chr(10))[0]}\n")
        return 1
    return 0 if made else 1


if __name__ == "__main__":
    sys.exit(main())
