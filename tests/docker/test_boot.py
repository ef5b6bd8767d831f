"""The unit that starts the containers with the machine, in their order."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.docker.files import DOCKER, compose

if TYPE_CHECKING:
    from pathlib import Path

PATH = DOCKER / "btc-watcher.service"
SERVICES = compose()["services"]
SECONDS = {"s": 1, "min": 60}
# What Docker gives a container that says nothing of its own.
GRACE = "10s"


@pytest.fixture
def unit() -> configparser.ConfigParser:
    """The unit, read."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(PATH, encoding="utf-8")
    return parser


def seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)(s|min)", text)
    assert found is not None, text
    return int(found[1]) * SECONDS[found[2]]


def test_it_comes_after_docker_and_goes_before_it(
    unit: configparser.ConfigParser,
) -> None:
    assert "docker.service" in unit["Unit"]["After"].split()
    assert unit["Unit"]["Requires"] == "docker.service"
    assert unit["Install"]["WantedBy"] == "multi-user.target"


def test_it_starts_what_is_down_and_tells_whether_all_became_healthy(
    unit: configparser.ConfigParser,
) -> None:
    service = unit["Service"]
    assert service["ExecStart"].startswith("docker compose up --detach --wait ")
    # Stopped by a command: else Docker starts them at the next boot, in no order.
    assert service["ExecStop"] == "docker compose stop"
    assert service["RemainAfterExit"] == "yes"
    assert service["Restart"] == "on-failure"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"


def test_it_waits_as_long_as_the_containers_may_take(
    unit: configparser.ConfigParser,
) -> None:
    service = unit["Service"]
    waits = int(service["ExecStart"].partition("--wait-timeout ")[2])
    assert waits < seconds(service["TimeoutStartSec"])
    # One after the other at the worst.
    graces = [each.get("stop_grace_period", GRACE) for each in SERVICES.values()]
    assert sum(map(seconds, graces)) <= seconds(service["TimeoutStopSec"])


def test_an_up_at_boot_keeps_how_many_there_are_of_what_may_be_scaled() -> None:
    readme = (DOCKER / "README.md").read_text(encoding="utf-8")
    scaled = {name for name, each in SERVICES.items() if "scale" in each}
    assert scaled == {"worker", "worker-urgent", "proxy"}
    for name in scaled:
        found = re.fullmatch(r"\$\{(WATCHER_\w+):-1\}", SERVICES[name]["scale"])
        assert found is not None
        assert f"`{found[1]}`" in readme


def test_the_command_that_installs_it_sets_the_folder(tmp_path: Path) -> None:
    readme = (DOCKER / "README.md").read_text(encoding="utf-8")
    command = next(line for line in readme.splitlines() if line.startswith("sed "))
    edit, _, target = command.partition(" | sudo tee ")
    assert target == f"/etc/systemd/system/{PATH.name}"
    shutil.copytree(DOCKER, tmp_path / "docker")
    made = subprocess.run(
        ["sh", "-c", edit], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert f"WorkingDirectory={tmp_path}\n" in made
    assert "/opt/" not in made


def test_systemd_itself_has_nothing_to_say_where_it_is_installed(
    tmp_path: Path,
) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed")
    text = PATH.read_text(encoding="utf-8")
    # Neither the folder nor Docker need be on the machine of the tests.
    text = text.replace("/opt/btc-watcher", str(tmp_path))
    text = text.replace("=docker compose", "=/bin/true compose")
    (tmp_path / PATH.name).write_text(text, encoding="utf-8")
    stub = "[Service]\nExecStart=/bin/true\n"
    (tmp_path / "docker.service").write_text(stub, encoding="utf-8")
    done = subprocess.run(
        [program, "verify", "--man=no", str(tmp_path / PATH.name)],
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in done.stderr.splitlines() if PATH.name in line]
    assert (done.returncode, told) == (0, [])
