"""Version numbers of freqtrade, and what a package index says of them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from btc_watcher.lib.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PACKAGE: Final = "freqtrade"
_VERSION = re.compile(
    r"[0-9]{1,4}(\.[0-9]{1,3}){1,3}((a|b|rc|\.dev|\.post)[0-9]{1,4})?"
)
_STABLE = re.compile(r"[0-9]{1,4}(\.[0-9]{1,3}){1,3}")
_UV_LINE = re.compile(rf"^\s*\+ {PACKAGE}==(\S+)", re.MULTILINE)
_PIP_LINE = re.compile(r"^Available versions: (.+)$", re.MULTILINE)
_FILE = re.compile(rf"{PACKAGE}-(?P<version>[^-]+?)(-.+\.whl|\.tar\.gz|\.zip)")
COLUMN_LENGTH: Final = 20


@dataclass(frozen=True)
class ReleaseFile:
    """One file of a release, as an index lists it."""

    name: str
    url: str
    uploaded: datetime | None
    requires_python: str
    yanked: bool
    size: int | None


@dataclass(frozen=True)
class Release:
    """What is known of a release. ``size`` is that of its file in bytes.

    ``url`` is where the file lies, without login, query and fragment.
    """

    version: str
    uploaded: datetime | None = None
    requires_python: str = ""
    yanked: bool = False
    size: int | None = None
    url: str = ""


def version_checked(version: str) -> str:
    """Return ``version`` when it is one, so that it can safely name a folder.

    Raises ConfigurationError otherwise.
    """
    if not is_version(version):
        raise ConfigurationError(
            f"{version!r} is not a version of freqtrade. Write one such as 2026.9."
        )
    return version


def is_version(version: str) -> bool:
    """Tell whether this names a release in a form that we take."""
    return bool(_VERSION.fullmatch(version)) and len(version) <= COLUMN_LENGTH


def version_key(version: str) -> Version:
    """Return what a version, one that is_version accepts, sorts by."""
    return Version(version)


def version_kind(version: str) -> str:
    """Return stable, beta or alpha."""
    if _STABLE.fullmatch(version) or ".post" in version:
        return "stable"
    return "beta" if "b" in version or "rc" in version else "alpha"


def python_fits(requires_python: str, python: tuple[int, ...]) -> bool:
    """Tell whether an interpreter of this version is allowed; unreadable words allow it."""
    # Where only 3.11 is known, a demand such as >=3.11.4 is not ours to refuse.
    known = python if len(python) > 2 else (*python, 99)
    try:
        return SpecifierSet(requires_python).contains(
            ".".join(str(part) for part in known)
        )
    except InvalidSpecifier:
        return True


def newest_in_uv_output(output: str) -> str | None:
    """Return the version that ``uv pip install --dry-run`` would install."""
    found = _UV_LINE.search(output)
    return found[1] if found else None


def versions_in_pip_output(output: str) -> list[str]:
    """Return the versions in the output of ``pip index versions``."""
    found = _PIP_LINE.search(output)
    versions = [version.strip() for version in found[1].split(",")] if found else []
    return [version for version in versions if is_version(version)]


def newest_in_pip_output(output: str) -> str | None:
    """Return the newest stable version in the output of ``pip index versions``."""
    stable = [v for v in versions_in_pip_output(output) if _STABLE.fullmatch(v)]
    return max(stable, key=version_key, default=None)


def version_files(listing: Mapping[str, Any]) -> dict[str, list[ReleaseFile]]:
    """Return the files of an index's JSON by version; odd entries are left out."""
    found: dict[str, list[ReleaseFile]] = {}
    files = listing.get("files")
    for entry in files if isinstance(files, list) else []:
        name = entry.get("filename") if isinstance(entry, dict) else None
        match = _FILE.fullmatch(name) if isinstance(name, str) else None
        if match and is_version(match["version"]):
            found.setdefault(match["version"], []).append(_file(entry))
    return found


def releases_in_listing(listing: Mapping[str, Any], address: str) -> list[Release]:
    """Return the releases of an index's JSON, which came from ``address``."""
    return [
        _release(version, files, address)
        for version, files in version_files(listing).items()
    ]


def releases_merged(releases: Iterable[Release]) -> list[Release]:
    """Return each version once, the newest first; who tells the date knows it best."""
    best: dict[str, Release] = {}
    for release in releases:
        known = best.get(release.version)
        if known is None or (known.uploaded is None and release.uploaded is not None):
            best[release.version] = release
    return sorted(
        best.values(), key=lambda each: version_key(each.version), reverse=True
    )


def address_plain(address: str) -> str:
    """Return an address without login, query and fragment, "" for what is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=place, query="", fragment="").geturl()


def _release(version: str, files: list[ReleaseFile], address: str) -> Release:
    # The wheel is what will be installed, the archive of sources only where none is.
    first = min(files, key=lambda file: (not file.name.endswith(".whl"), file.name))
    moments = [file.uploaded for file in files if file.uploaded]
    return Release(
        version=version,
        uploaded=min(moments, default=None),
        requires_python=first.requires_python,
        yanked=all(file.yanked for file in files),
        size=first.size,
        url=address_plain(urljoin(address, first.url)),
    )


def _file(entry: Mapping[str, Any]) -> ReleaseFile:
    size = entry.get("size")
    return ReleaseFile(
        name=entry["filename"],
        url=str(entry.get("url") or ""),
        uploaded=_moment(entry.get("upload-time")),
        requires_python=str(entry.get("requires-python") or ""),
        # True, or the reason as a text.
        yanked=bool(entry.get("yanked")),
        size=size if type(size) is int and size >= 0 else None,
    )


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
