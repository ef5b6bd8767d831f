"""Colours that everybody can read (WCAG AA), in both themes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.translatable import ROOT

if TYPE_CHECKING:
    from pathlib import Path

STYLE = (ROOT / "btc_watcher/static/css/app.css").read_text(encoding="utf-8")
GROUNDS = ("bg", "surface", "raised")
TINT = 0.11  # of a badge's tone in its ground


def variables(start: str) -> dict[str, str]:
    """Return the colours of the block that begins with ``start``."""
    block = STYLE[STYLE.index(start) :].partition("}")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", block))


THEMES = {
    "dark": variables(":root {"),
    "light": variables(':root[data-theme="light"] {'),
}


def channels(colour: str) -> list[float]:
    text = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    return [int(text[i : i + 2], 16) / 255 for i in (0, 2, 4)]


def luminance(parts: list[float]) -> float:
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: list[float], two: list[float]) -> float:
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(params=["dark", "light"])
def theme(request: pytest.FixtureRequest) -> dict[str, list[float]]:
    return {name: channels(text) for name, text in THEMES[request.param].items()}


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize(
    "ink", ["text", "muted", "link", "green", "red", "warn", "calm"]
)
def test_text_stands_out_from_its_ground(
    theme: dict[str, list[float]], ink: str, ground: str
) -> None:
    assert contrast(theme[ink], theme[ground]) >= 4.5


@pytest.mark.parametrize("ground", ["surface", "raised"])
@pytest.mark.parametrize("tone", ["green", "red", "warn", "calm"])
def test_the_text_of_a_badge_stands_out_from_its_tint(
    theme: dict[str, list[float]], tone: str, ground: str
) -> None:
    pairs = zip(theme[tone], theme[ground], strict=True)
    tint = [ink * TINT + paper * (1 - TINT) for ink, paper in pairs]
    assert contrast(theme[tone], tint) >= 4.5


@pytest.mark.parametrize(
    ("ink", "ground"), [("on-accent", "accent"), ("surface", "red")]
)
def test_the_text_of_a_filled_badge_or_button_stands_out(
    theme: dict[str, list[float]], ink: str, ground: str
) -> None:
    assert contrast(theme[ink], theme[ground]) >= 4.5


@pytest.mark.parametrize("ground", GROUNDS)
def test_the_border_of_a_field_can_be_seen(
    theme: dict[str, list[float]], ground: str
) -> None:
    assert contrast(theme["line-strong"], theme[ground]) >= 3


def test_light_is_the_same_whether_chosen_or_the_system_s() -> None:
    assert variables(':root:not([data-theme="dark"]) {') == THEMES["light"]
    assert THEMES["light"].keys() == THEMES["dark"].keys()


def test_the_pages_load_nothing_from_elsewhere() -> None:
    assert "//" not in re.sub(r"/\*.*?\*/", "", STYLE, flags=re.DOTALL)
    assert "@import" not in STYLE


# What may be red or green by the reader's choice has one of these in its selector.
DIRECTION = re.compile(
    r"\.(?:rise|fall|badge-buy|badge-sell|buy|sell|rate-bar|readout|sample)\b"
)
SHEETS = sorted(
    path
    for path in ROOT.glob("*/static/*/*.css")
    if path.name != "swagger-ui.css" and "vendor" not in path.parts
)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_states_and_directions_keep_to_their_own_colours(sheet: Path) -> None:
    plain = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert re.findall(r"--(?:up|down)\b", plain) == []
    wrong = [
        selector.strip()
        for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", plain)
        if DIRECTION.search(selector) and re.search(r"var\(--(?:good|bad)\)", body)
    ]
    assert wrong == []


def test_only_the_colours_of_direction_change_with_the_choice() -> None:
    block = STYLE[STYLE.index(':root[data-rise="red"] {') :].partition("}")[0]
    assert re.findall(r"--([\w-]+): var\(--(\w+)\)", block) == [
        ("rise", "red"),
        ("fall", "green"),
    ]
