"""Reads the files that describe the image and its containers."""

from __future__ import annotations

import fnmatch
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from btc_watcher.env import BASE_DIR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCKER = BASE_DIR / "docker"


def documents(*paths: Path) -> list[dict[str, Any]]:
    """Return every YAML document of some files."""
    found: list[dict[str, Any]] = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        found += [each for each in yaml.safe_load_all(text) if each]
    return found


def compose() -> dict[str, Any]:
    """Return compose.yml as it is written."""
    return documents(BASE_DIR / "compose.yml")[0]


class Instruction(NamedTuple):
    """An instruction of the Dockerfile, its lines joined, without comments."""

    name: str
    words: str


def instructions() -> list[Instruction]:
    """Return the instructions of the Dockerfile."""
    whole, text = [], (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    part = ""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        part += line.strip()
        if part.endswith("\\"):
            part = part.removesuffix("\\")
            continue
        name, _, words = part.partition(" ")
        whole.append(Instruction(name, words.strip()))
        part = ""
    return whole


def copied() -> Iterator[str]:
    """Yield what the Dockerfile takes from the checkout."""
    for name, words in instructions():
        parts = shlex.split(words)
        if name in {"COPY", "ADD"} and not any(p.startswith("--from") for p in parts):
            yield from (part for part in parts[:-1] if not part.startswith("--"))


def enters(path: str) -> bool:
    """Tell whether .dockerignore lets a file into the image's build; the last rule wins."""
    answer = True
    for line in (BASE_DIR / ".dockerignore").read_text(encoding="utf-8").splitlines():
        rule = line.strip()
        if rule and not rule.startswith("#") and _meets(path, rule.removeprefix("!")):
            answer = rule.startswith("!")
    return answer


def _meets(path: str, pattern: str) -> bool:
    """Match as Docker does: a rule for a folder counts for all in it."""
    parts = path.split("/")
    if pattern.startswith("**/"):
        return any(fnmatch.fnmatch(part, pattern[3:]) for part in parts)
    depth = pattern.count("/") + 1
    return fnmatch.fnmatch("/".join(parts[:depth]), pattern)
