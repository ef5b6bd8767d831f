"""Version numbers of freqtrade, and when one was published."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from btc_watcher.lib.errors import BtcWatcherError, ConfigurationError
from btc_watcher.lib.outgoing import OutgoingSession

if TYPE_CHECKING:
    from freqtrade_mgmt.pip_settings import PipSettings

PACKAGE = "freqtrade"
_JSON = "application/vnd.pypi.simple.v1+json"
# Dependencies published shortly after a release still fit it.
_GRACE = timedelta(days=7)
_VERSION = re.compile(
    r"[0-9]{1,4}(\.[0-9]{1,3}){1,3}((a|b|rc|\.dev|\.post)[0-9]{1,4})?"
)
_STABLE = re.compile(r"[0-9]{1,4}(\.[0-9]{1,3}){1,3}")
_UV_LINE = re.compile(rf"^\s*\+ {PACKAGE}==(\S+)", re.MULTILINE)
_PIP_LINE = re.compile(r"^Available versions: (.+)$", re.MULTILINE)
COLUMN_LENGTH = 20


def version_checked(version: str) -> str:
    """Return ``version`` when it is one, so that it can safely name a folder.

    Raises ConfigurationError otherwise.
    """
    if not _VERSION.fullmatch(version) or len(version) > COLUMN_LENGTH:
        raise ConfigurationError(
            f"{version!r} is not a version of freqtrade. Write one such as 2026.9."
        )
    return version


def version_key(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, for sorting."""
    return tuple(int(part) for part in re.findall(r"[0-9]+", version))


def version_kind(version: str) -> str:
    """Return stable, beta or alpha."""
    if _STABLE.fullmatch(version) or ".post" in version:
        return "stable"
    return "beta" if "b" in version or "rc" in version else "alpha"


def newest_in_uv_output(output: str) -> str | None:
    """Return the version that ``uv pip install --dry-run`` would install."""
    found = _UV_LINE.search(output)
    return found[1] if found else None


def newest_in_pip_output(output: str) -> str | None:
    """Return the newest stable version in the output of ``pip index versions``."""
    found = _PIP_LINE.search(output)
    versions = [version.strip() for version in found[1].split(",")] if found else []
    stable = [version for version in versions if _STABLE.fullmatch(version)]
    return max(stable, key=version_key, default=None)


def published_before(version: str, settings: PipSettings) -> datetime | None:
    """Return the moment until which packages fit ``version``, from the index.

    None when the index does not tell (a mirror without dates, or none at all).
    """
    base = settings.index_url or settings.default_index or ""
    if settings.no_index or not base.startswith(("http://", "https://")):
        return None
    session = OutgoingSession()
    if settings.cert:
        session.verify = settings.cert
    try:
        with session:
            answer = session.call(
                "GET", f"{base.rstrip('/')}/{PACKAGE}/", headers={"Accept": _JSON}
            )
            files = answer.json()["files"]
            prefix = f"{PACKAGE}-{version}"
            moments = [
                datetime.fromisoformat(file["upload-time"])
                for file in files
                if file["filename"].startswith((f"{prefix}-", f"{prefix}.tar"))
            ]
    except (BtcWatcherError, ValueError, KeyError, TypeError):
        return None
    return max(moments) + _GRACE if moments else None
