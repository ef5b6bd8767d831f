"""The pins are complete, agree with each other, and name no package index."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from btc_watcher.env import BASE_DIR

PIN = re.compile(r"^([A-Za-z0-9._\[\],-]+)==(\S+)", re.MULTILINE)
FILES = ("requirements.txt", "requirements-dev.txt")


def pins(name: str) -> dict[str, str]:
    """Return version by package of one file."""
    return dict(PIN.findall((BASE_DIR / name).read_text(encoding="utf-8")))


def test_the_pins_for_development_include_those_for_running() -> None:
    assert pins(FILES[0]).items() <= pins(FILES[1]).items()


@pytest.mark.parametrize("name", FILES)
def test_every_pin_has_hashes_and_no_index_is_named(name: str) -> None:
    text = (BASE_DIR / name).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", text.strip())
    without = [b.splitlines()[0] for b in blocks if "==" in b and "--hash=" not in b]
    assert without == []
    assert "://" not in text
    assert "index-url" not in text


def test_progress_of_pip_is_a_handful_of_lines_without_addresses() -> None:
    said = "Looking in indexes: https://secret@index.example/simple\n"
    said += "".join(f"Collecting package{n}==1.0\n" for n in range(50))
    said += "Installing collected packages: a, b\nSuccessfully installed a-1 b-1\n"
    done = subprocess.run(
        [sys.executable, "scripts/pip_progress.py", "requirements.txt"],
        input=said,
        capture_output=True,
        text=True,
        cwd=BASE_DIR,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert "://" not in done.stdout
    assert lines[-1] == "Installed requirements.txt"
