"""What is done for PostgreSQL's unprivileged user, and that it is no more than needed."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from btc_watcher.local import service_user
from btc_watcher.local.state import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AS_ROOT = os.geteuid() == 0
PROGRAM = "package/bin/tool"


@pytest.fixture
def root(folder: Path) -> Path:
    """A package with a program and a library that only its owner may reach."""
    place = folder / "site"
    for name in (PROGRAM, "package/lib/library", "package/include/header"):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\necho 1.0\n")
        path.chmod(0o700)
    place.chmod(0o700)
    return place


@pytest.fixture
def fresh_look_up() -> Iterator[None]:
    """Forget the user before and after."""
    service_user.service_user.cache_clear()
    yield
    service_user.service_user.cache_clear()


def test_programs_that_the_user_can_run_are_used_where_they_are(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755)
    copy = root.parent / "copy"
    assert service_user.runnable_root(root, ["package"], PROGRAM, copy) == root
    assert not copy.exists()


def test_programs_in_a_closed_folder_are_copied_and_the_folder_stays_closed(
    root: Path,
) -> None:
    copy = root.parent / "copy"
    used = service_user.runnable_root(root, ["package", "absent"], PROGRAM, copy)
    again = service_user.runnable_root(root, ["package", "absent"], PROGRAM, copy)
    # An ordinary user is PostgreSQL's user too, so nothing is closed to it.
    assert used == again == (copy if AS_ROOT else root)
    assert (used / "package/lib/library").exists()
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_programs_that_cannot_be_run_at_all_are_named(root: Path) -> None:
    copy = root.parent / "copy"
    if AS_ROOT:
        (root / PROGRAM).write_text("#!/no/such/interpreter\n")
        with pytest.raises(LocalError, match=f"cannot run {copy / PROGRAM}"):
            service_user.runnable_root(root, ["package"], PROGRAM, copy)
    else:
        assert service_user.as_service_user() == []


@pytest.mark.usefixtures("fresh_look_up")
def test_nobody_takes_over_where_no_user_can_be_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service_user, "USER_NAME", "btcw-nowhere")
    monkeypatch.setattr(service_user, "MAKE_USER", "no-such-program")
    user = service_user.service_user()
    assert (user.pw_name if user else None) == ("nobody" if AS_ROOT else None)


@pytest.mark.usefixtures("fresh_look_up")
def test_dropping_root_leaves_no_group_and_no_capability() -> None:
    options = service_user.as_service_user()
    if AS_ROOT:
        assert {"--clear-groups", "--inh-caps=-all", "--no-new-privs"} <= set(options)
        assert not any(word.endswith("=0") for word in options)
    else:
        assert options == []
