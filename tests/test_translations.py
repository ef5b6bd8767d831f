"""Every text that is marked for translation has a Chinese translation."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import translation

from btc_watcher.lib.catalogues import catalogue_read, catalogues_compile
from btc_watcher.lib.errors import ConfigurationError
from tests.translatable import ROOT, messages_in_use, messages_of_template

if TYPE_CHECKING:
    from pathlib import Path

    from babel.messages.catalog import Catalog

CHINESE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'


@pytest.fixture(scope="module")
def chinese() -> Catalog:
    return catalogue_read(CHINESE)


def test_every_text_in_use_is_translated_into_chinese(chinese: Catalog) -> None:
    missing = []
    for (context, texts), places in messages_in_use().items():
        message = chinese.get(
            texts if isinstance(texts, str) else texts[0], context or None
        )
        strings = message.string if message else ""
        strings = (strings,) if isinstance(strings, str) else strings
        if not strings or not all(strings):
            missing.append(f"{texts!r} in {', '.join(sorted(places))}")
    assert not missing, "\n".join(missing)


def test_no_translation_is_fuzzy(chinese: Catalog) -> None:
    assert [message.id for message in chinese if message.id and message.fuzzy] == []


def test_no_translation_belongs_to_a_text_that_is_gone(chinese: Catalog) -> None:
    used = {
        (context, texts if isinstance(texts, str) else texts[0])
        for context, texts in messages_in_use()
    }
    unused = []
    for message in chinese:
        text = message.id if isinstance(message.id, str) else message.id[0]
        if text and (message.context or "", text) not in used:
            unused.append(text)
    assert unused == []


def test_the_texts_of_templates_are_found() -> None:
    source = (
        '{% load i18n %}{% translate "It\'s (here)" %}'
        "{% translate 'May' context 'month' %}{# {% translate 'not' %} #}"
        "{% blocktranslate with name=a.b %}Hello {{ name }}{% endblocktranslate %}"
        "{% blocktranslate count n=n %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %}"
    )
    assert list(messages_of_template(source)) == [
        ("", "It's (here)"),
        ("month", "May"),
        ("", "Hello %(name)s"),
        ("", ("%(n)s row", "%(n)s rows")),
    ]


def test_the_compiled_catalogue_is_what_pages_use() -> None:
    call_command("compile_translations")
    with translation.override("zh-hans"):
        assert translation.gettext("Live signals") == "实时信号"
    with translation.override("en"):
        assert translation.gettext("Live signals") == "Live signals"


def _catalogue(folder: Path, entries: str) -> Path:
    place = folder / "zh_Hans" / "LC_MESSAGES"
    place.mkdir(parents=True, exist_ok=True)
    path = place / "django.po"
    path.write_text(HEAD + entries, encoding="utf-8")
    return path


def test_a_catalogue_is_compiled_only_when_it_changed(tmp_path: Path) -> None:
    source = _catalogue(tmp_path, 'msgid "a"\nmsgstr "b"\n')
    assert catalogues_compile([tmp_path]) == [source.with_suffix(".mo")]
    assert catalogues_compile([tmp_path]) == []
    # Older than before, as after a checkout of another commit.
    os.utime(source, (1_000_000_000, 1_000_000_000))
    assert catalogues_compile([tmp_path]) == [source.with_suffix(".mo")]
    assert sorted(path.name for path in source.parent.iterdir()) == [
        "django.mo",
        "django.po",
    ]


def test_a_translation_with_other_placeholders_is_refused(tmp_path: Path) -> None:
    _catalogue(
        tmp_path, '#, python-format\nmsgid "%(count)d rows"\nmsgstr "%(counts)d 行"\n'
    )
    with pytest.raises(ConfigurationError, match=r"%\(count\)d rows"):
        catalogues_compile([tmp_path])
    assert not list(tmp_path.rglob("*.mo"))


def test_a_broken_catalogue_is_named(tmp_path: Path) -> None:
    source = _catalogue(tmp_path, 'msgid "a"\nmsgst "b"\n')
    with pytest.raises(ConfigurationError, match=str(source)):
        catalogues_compile([tmp_path])


def test_chinese_is_a_language_of_the_pages() -> None:
    assert "zh-hans" in dict(settings.LANGUAGES)
