"""What pip was told about package indexes, for uv, which reads none of it."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, field

# Later sections win, as they do for pip.
_SECTIONS = ("global", "install", ":env:")
_LINE = re.compile(r"(?P<section>global|install|:env:)\.(?P<key>[a-z-]+)=(?P<value>.+)")
_DEFAULT_INDEX = re.compile(r"--index-url <url>.*?\(default\s+([^)\s]+)\)", re.DOTALL)
# A password may hold an @ itself: the last one before the path is what ends it.
_CREDENTIALS = re.compile(r"://[^/\s]+@")


@dataclass(frozen=True)
class PipSettings:
    """The settings of pip that decide where packages come from."""

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None
    no_index: bool = False
    default_index: str | None = None
    proxy: str | None = field(default=None, repr=False)

    def uv_toml(self) -> str:
        """Return the same settings as a configuration file of uv."""
        lines = []
        if self.index_url:
            lines.append(f"index-url = {json.dumps(self.index_url)}")
        if self.extra_index_urls:
            lines.append(f"extra-index-url = {json.dumps(self.extra_index_urls)}")
            # As pip does: the best version of all indexes, not of the first that has any.
            lines.append('index-strategy = "unsafe-best-match"')
        if self.find_links:
            lines.append(f"find-links = {json.dumps(self.find_links)}")
        if self.trusted_hosts:
            lines.append(f"allow-insecure-host = {json.dumps(self.trusted_hosts)}")
        if self.no_index:
            lines.append("no-index = true")
        return "".join(f"{line}\n" for line in lines)


def pip_settings_parse(listing: str) -> PipSettings:
    """Read the output of ``pip config list``; lines of no interest are skipped."""
    found: dict[tuple[str, str], str] = {}
    for line in listing.splitlines():
        if match := _LINE.fullmatch(line.strip()):
            found[match["section"], match["key"]] = _unquote(match["value"])
    values = {
        key: value
        for section in _SECTIONS
        for (its_section, key), value in found.items()
        if its_section == section
    }
    return PipSettings(
        index_url=values.get("index-url") or None,
        extra_index_urls=tuple(values.get("extra-index-url", "").split()),
        find_links=tuple(values.get("find-links", "").split()),
        trusted_hosts=tuple(values.get("trusted-host", "").split()),
        cert=values.get("cert") or None,
        no_index=values.get("no-index", "").lower() in {"1", "true", "yes", "on"},
        proxy=values.get("proxy") or None,
    )


def pip_default_index(help_text: str) -> str | None:
    """Return the index that pip takes when it was told of none, from its own help."""
    found = _DEFAULT_INDEX.search(help_text)
    return found[1] if found else None


def without_credentials(text: str) -> str:
    """Return ``text`` with user names and passwords taken out of its addresses."""
    return _CREDENTIALS.sub("://***@", text)


def _unquote(value: str) -> str:
    try:
        return str(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        return value
