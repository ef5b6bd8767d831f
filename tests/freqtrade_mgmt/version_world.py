"""Releases and operations as their pages meet them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from freqtrade_mgmt.models import FreqtradeUpgrade, FreqtradeVersion

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from strategies.models import Strategy

OLD, NEW, NEXT = "2026.7", "2026.9", "2026.10"


def release(version: str, **about: Any) -> FreqtradeVersion:
    """Record a release that the index has told of; ``about`` goes beside its facts."""
    kind = about.pop("type", "stable")
    day = about.pop("release_date", None)
    return FreqtradeVersion.objects.create(
        version=version,
        type=kind,
        release_date=day,
        changelog_url=f"https://example.org/{version}",
        compatibility_info={
            "python": ">=3.11",
            "yanked": False,
            "listed_at": timezone.now().isoformat(),
        }
        | about,
    )


def installed(home: Path, version: str, **about: Any) -> FreqtradeVersion:
    """Record a release as installed, in a folder with a python that does nothing."""
    path = home / "elsewhere" / version
    python = path / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    facts = {"installed_size": 729_000_000, "startup_seconds": 2.8, "memory_mb": 318}
    row = release(version, **facts | about)
    row.is_installed, row.install_path = True, str(path)
    row.install_date = timezone.now()
    row.save()
    return row


def step(code: str, at: datetime, words: str = "", **data: Any) -> dict[str, Any]:
    """Return a step of an operation's log."""
    return {"at": at.isoformat(), "step": code, "words": words or code, "data": data}


def operation(
    kind: str, status: str, to: str = NEXT, **fields: Any
) -> FreqtradeUpgrade:
    """Record an operation; ``ago`` is how many seconds ago it was asked for."""
    ago = fields.pop("ago", 0)
    row = FreqtradeUpgrade.objects.create(
        upgrade_type=kind, status=status, to_version=to, **fields
    )
    if ago:
        since = timezone.now() - timedelta(seconds=ago)
        FreqtradeUpgrade.objects.filter(pk=row.pk).update(started_at=since)
        row.refresh_from_db()
    return row


def installing(
    *codes: str, ago: float = 30, status: str = "in_progress", **log: Any
) -> Any:
    """Record an installation that has come through these steps."""
    begin = timezone.now() - timedelta(seconds=ago)
    pace = ago / max(1, len(codes))
    data: dict[str, Any] = {"version": NEXT, "seconds": 2.8, "megabytes": 318}
    steps = [
        step(code, begin + timedelta(seconds=pace * place), **data)
        for place, code in enumerate(codes)
    ]
    return operation("install", status, ago=ago, migration_log={"steps": steps} | log)


def upgrading(strategies: list[Strategy], **log: Any) -> FreqtradeUpgrade:
    """Record an upgrade that is under way: the check is over, the first one is watched."""
    now = timezone.now()
    first = strategies[0]
    versions = {"from": OLD, "to": NEW}
    known = {
        "options": {"watch_seconds": 600},
        "stage": "move",
        "check": {
            str(each.pk): {"name": each.name, "wanted": True, "state": "loads"}
            for each in strategies
        },
        "order": [each.pk for each in strategies],
        "canary": first.pk,
        "moved": [first.pk],
        "proven": [first.pk],
        "health_before": [98, "good", ""],
        "watch_until": (now + timedelta(seconds=431)).isoformat(),
        "steps": [
            step(code, now - timedelta(seconds=ago), **versions, **data)
            for code, ago, data in (
                ("requested", 240, {}),
                ("checking", 238, {"count": len(strategies)}),
                ("checked", 220, {"good": len(strategies), "count": len(strategies)}),
                ("backed_up", 219, {"count": len(strategies), "path": "/srv/backup/7"}),
                ("canary", 218, {"name": first.name}),
                ("proven", 205, {"name": first.name}),
                ("watching", 204, {"name": first.name, "seconds": 600}),
            )
        ],
    }
    return operation(
        "upgrade",
        "in_progress",
        NEW,
        from_version=OLD,
        ago=240,
        backup_path="/srv/backup/7",
        migration_log=known | log,
    )
