"""The script that makes the pictures of the documentation, on real pages."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from accounts.display import LANGUAGE_NOTED
from accounts.models import User
from accounts.services import language_save
from btc_watcher.env import BASE_DIR
from strategies.models import Strategy
from tests.e2e.conftest import NAME, PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.system import WebServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def web(web: WebServer) -> WebServer:
    """The same; its person has chosen no language and reads in that of the browser."""
    person = User.objects.get(username=NAME)
    person.preferences = {**person.preferences, LANGUAGE_NOTED: person.language}
    person.save(update_fields=["preferences"])
    return web


def run(
    web: WebServer, to: Path, *more: str, script: str = "screenshots"
) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, str(BASE_DIR / "scripts" / f"{script}.py")),
        *("--address", web.url, "--account", NAME, "--to", str(to), *more),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_each_picture_is_made_in_both_languages_and_themes(
    web: WebServer, tmp_path: Path
) -> None:
    done = run(web, tmp_path, "--password", PASSWORD, "strategies-list", "upgrade")
    assert done.returncode == 0, done.stderr
    assert "upgrade.png: nothing is listed at /freqtrade/operations/ yet" in done.stdout
    kinds = ("", ".light", ".zh", ".zh.light")
    assert {path.name for path in tmp_path.glob("*.png")} == {
        f"strategies-list{kind}.png" for kind in kinds
    }
    pictures = [Image.open(tmp_path / f"strategies-list{kind}.png") for kind in kinds]
    assert {picture.size for picture in pictures} == {(1440, 860)}
    assert len({picture.convert("RGB").tobytes() for picture in pictures}) == 4
    brightness = [sum(each.convert("L").resize((1, 1)).tobytes()) for each in pictures]
    assert brightness[0] < 80
    assert brightness[1] > 180


def photographs(
    web: WebServer, to: Path, *more: str
) -> subprocess.CompletedProcess[str]:
    return run(web, to, "--password", PASSWORD, *more, script="photographs")


def test_every_page_that_links_lead_to_is_found(web: WebServer, tmp_path: Path) -> None:
    done = photographs(web, tmp_path, "--list")
    assert done.returncode == 0, done.stderr
    found = done.stdout.split()
    assert {"/", "/dashboard/", "/strategies/", "/notifications/channels/new/"} <= {
        *found
    }
    assert "/admin/strategies/strategy/" in found
    assert len(found) == len(set(found))
    assert not any(path.startswith(("/api/v1/", "/static/")) for path in found)


def test_photographs_come_in_both_languages_and_themes_and_tell_what_is_wrong(
    web: WebServer, tmp_path: Path
) -> None:
    # A name that is no row's, but a sentence of a page.
    Strategy.objects.create(name="Skip to content", status="stopped")
    done = photographs(web, tmp_path, "/strategies/", "/strategies/4711/")
    assert done.returncode == 0, done.stderr
    kinds = [f"{lang}.{t}" for lang in ("en", "zh") for t in ("dark", "light")]
    names = {
        f"strategies.{kind}.{width}.png" for kind in kinds for width in (1440, 380)
    }
    assert names < {path.name for path in tmp_path.glob("*.png")}
    with Image.open(tmp_path / "strategies.zh.light.380.png") as picture:
        assert picture.size[0] == 380
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert all(f'src="{name}"' in index for name in names)
    seen = [line for line in done.stdout.splitlines() if line.startswith("seen:")]
    missing = "seen: /strategies/*/  request: /strategies/4711/ answered 404"
    assert any(line.startswith(missing) for line in seen)
    english = (
        "seen: /strategies/  English: Skip to content  (zh-hans dark, zh-hans light)"
    )
    assert english in seen


def test_a_wrong_password_is_said_and_makes_nothing(
    web: WebServer, tmp_path: Path
) -> None:
    done = run(web, tmp_path / "none", "--password", "not the password")
    assert done.returncode == 1
    assert f"did not let {NAME} in" in done.stderr
    assert not (tmp_path / "none").exists()


def test_an_account_that_keeps_one_language_is_refused(
    web: WebServer, tmp_path: Path
) -> None:
    language_save(user=User.objects.get(username=NAME), language="en")
    done = run(web, tmp_path / "none", "--password", PASSWORD, "strategies-list")
    assert done.returncode == 1
    assert "keeps the language en" in done.stderr
    assert not (tmp_path / "none").exists()


def test_a_picture_that_does_not_exist_is_refused_by_its_name(
    web: WebServer, tmp_path: Path
) -> None:
    done = run(web, tmp_path, "--password", PASSWORD, "moon")
    assert done.returncode == 2
    assert "No picture is called moon" in done.stderr
