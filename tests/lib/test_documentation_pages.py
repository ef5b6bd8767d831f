"""The documentation can be read where the product runs, in the reader's language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from django.contrib.staticfiles import finders

from btc_watcher.lib import documentation
from btc_watcher.lib.documentation import NAMES, anchor_of, document_read
from tests.documented import anchor, headings, names, text

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

FOLDERS = pytest.mark.parametrize("folder", ["en", "zh"])


@FOLDERS
def test_every_file_of_the_documentation_is_a_page(folder: str) -> None:
    files = {name.rpartition("/")[2].removesuffix(".md") for name in names(folder)}
    assert files == set(NAMES)
    for name in NAMES:
        document = document_read(folder, name)
        assert document is not None
        _level, title = headings(text(f"docs/{folder}/{name}.md"))[0]
        assert document.title == title


@FOLDERS
@pytest.mark.django_db
def test_every_link_and_picture_leads_somewhere(
    admin_client: Client, folder: str
) -> None:
    pages = {
        f"/docs/{name}/" if name != "index" else "/docs/": document_read(folder, name)
        for name in NAMES
    }
    for address, document in pages.items():
        assert document is not None
        for link in re.findall(r'href="([^"]+)"', document.html):
            if "://" in link:
                continue
            path, _, place = unquote(link).partition("#")
            if path.startswith("/static/"):
                assert finders.find(path.removeprefix("/static/")), link
                continue
            target = pages[path or address]
            assert target is not None
            assert not place or f'id="{place}"' in target.html, (address, link)
        for picture in re.findall(r'src="/static/([^"]+)"', document.html):
            assert finders.find(picture), picture
        assert admin_client.get(address).status_code == 200


@pytest.mark.django_db
def test_it_is_shown_in_the_reader_s_language(admin_client: Client) -> None:
    admin_client.cookies["django_language"] = "zh-hans"
    page = admin_client.get("/docs/configure/").content.decode()
    assert "<code>BTCW_HOME</code>" in page
    assert "简体中文](" not in page
    assert '<a href="/docs/configure/" aria-current="page">配置</a>' in page
    admin_client.cookies["django_language"] = "en"
    page = admin_client.get("/docs/configure/").content.decode()
    assert '<a href="/docs/configure/" aria-current="page">Configure</a>' in page


@pytest.mark.django_db
def test_what_is_no_page_is_not_found(admin_client: Client) -> None:
    assert admin_client.get("/docs/nothing/").status_code == 404
    assert admin_client.get("/docs/index/").status_code == 200


def test_without_the_files_there_is_no_page(tmp_path: Path, settings: object) -> None:
    settings.BASE_DIR = tmp_path  # type: ignore[attr-defined]
    assert documentation.document_read.__wrapped__("en", "index") is None


def test_no_text_becomes_a_tag(tmp_path: Path, settings: object) -> None:
    folder = tmp_path / "docs" / "en"
    folder.mkdir(parents=True)
    (folder / "index.md").write_text(
        "# A <b>title</b>\n\n<script>alert(1)</script> [x](javascript:alert) `<i>`\n",
        encoding="utf-8",
    )
    settings.BASE_DIR = tmp_path  # type: ignore[attr-defined]
    document = documentation.document_read.__wrapped__("en", "index")
    assert document is not None
    assert "<script" not in document.html
    assert 'href="javascript' not in document.html
    assert "<code>&lt;i&gt;</code>" in document.html


@pytest.mark.parametrize(
    "words", ["What a channel gets, and when", "渠道收到什么、何时收到"]
)
def test_anchors_are_those_that_links_in_the_files_use(words: str) -> None:
    assert anchor_of(words) == anchor(words)
