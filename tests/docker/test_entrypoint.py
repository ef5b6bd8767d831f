"""The entry point's programs, started for real as a container would."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path

import pytest
import requests
import yaml

from btc_watcher.container import names
from btc_watcher.container.__main__ import main
from btc_watcher.env import BASE_DIR
from btc_watcher.local.roster import Ports, roster
from btc_watcher.programs import (
    beat_command,
    supervisor_command,
    urgent_command,
    web_command,
    worker_command,
)
from freqtrade_mgmt.supervisor.processes import free_port
from monitoring.heartbeats.models import ProcessHeartbeat
from tests.docker.programs import NODE, Program, container_environment, run
from tests.e2e.system import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

START_SECONDS = 120.0
# Role and name under which a program gives signs of life.
SIGNS = {
    "worker": ("worker", "worker"),
    "worker-urgent": ("worker", "urgent"),
    "beat": ("beat", "beat"),
    "supervisor": ("supervisor", "supervisor"),
}


def grace(service: str) -> float:
    """Return the seconds that compose.yml gives a service to end."""
    text = (BASE_DIR / "compose.yml").read_text(encoding="utf-8")
    value = yaml.safe_load(text)["services"][service]["stop_grace_period"]
    return float(str(value).removesuffix("s"))


def heartbeat(role: str, name: str) -> ProcessHeartbeat | None:
    found: ProcessHeartbeat | None = ProcessHeartbeat.objects.filter(
        host=NODE, role=role, name=name
    ).first()
    return found


def test_what_runs_in_containers_is_what_make_up_runs() -> None:
    ours = {c.name: c.command for c in roster(Ports(8000, 18080, 18025), {})}
    assert ours["web"] == web_command("127.0.0.1", 8000)
    assert ours["worker"] == worker_command()
    assert ours["worker-urgent"] == urgent_command()
    assert ours["beat"] == beat_command()
    assert ours["supervisor"] == supervisor_command()


@pytest.mark.parametrize(("words", "code"), [(("serve",), 2), ((), 2), (("help",), 0)])
def test_an_unknown_program_is_answered_with_those_that_there_are(
    words: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == code
    said = capsys.readouterr().err
    for name in ("web", "worker-urgent", "beat", "supervisor", "migrate", "manage"):
        assert f"  {name} " in said


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("beat", "--now"), "it takes no further words, but got --now"),
        (("web", "--bind", "x"), "It takes --host, --port."),
        (("web", "--port", "http"), "invalid int value"),
        (("migrate", "signals"), "It takes --application"),
    ],
)
def test_words_that_a_program_does_not_know_are_refused(
    words: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    assert why in capsys.readouterr().err


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    variables = container_environment(tmp_path, tmp_path)
    variables["DATABASE_URL_FILE"] = str(tmp_path / "absent")
    answer = run("beat", variables=variables)
    assert answer.returncode == 1
    assert f"DATABASE_URL_FILE names {tmp_path / 'absent'}" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_whole_system_comes_up_is_healthy_and_ends_in_time(tmp_path: Path) -> None:
    port = free_port()
    words = {name: (name,) for name in SIGNS} | {"web": ("web", "--port", str(port))}
    system = {name: Program(tmp_path, *each).start() for name, each in words.items()}
    try:
        answer = until(lambda: _ready(port), "an answer of web", START_SECONDS)
        assert answer.json()["status"] == "ok"
        for name, sign in SIGNS.items():
            until(partial(heartbeat, *sign), f"a sign of {name}", START_SECONDS)
        for program in system.values():
            seen = program.healthy()
            assert (seen.returncode, seen.stderr) == (0, ""), program.log()
        _a_database_that_is_away_makes_nobody_unhealthy(system["beat"])
        for name, program in system.items():
            # uvicorn ends by the signal itself once it has cleaned up.
            assert program.end(grace(name)) in {0, -15}, program.log()
    finally:
        for program in system.values():
            program.stop()
    for name, sign in SIGNS.items():
        row = heartbeat(*sign)
        assert row is not None
        assert row.stopped_at is not None, name
    for name, words_said in (("web", "not answer"), ("beat", "no sign of life")):
        gone = system[name].healthy()
        assert gone.returncode == 1
        assert words_said in gone.stderr


def _a_database_that_is_away_makes_nobody_unhealthy(program: Program) -> None:
    away = {"DATABASE_URL_FILE": "", "DATABASE_URL": "postgres://127.0.0.1:1/x"}
    answer = run("healthy", variables=program.variables | away)
    assert answer.returncode == 0
    assert "cannot be asked" in answer.stderr


def _ready(port: int) -> requests.Response | None:
    try:
        answer = requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=5)
    except requests.RequestException:
        return None
    return answer if answer.ok else None


def test_workers_of_a_node_have_names_of_their_own_and_get_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "HOME", tmp_path)
    monkeypatch.setenv("BTCW_NODE", NODE)
    try:
        assert names.worker_name("worker") == "worker"
        assert names.worker_name("worker") == "worker-2"
        assert names.worker_name("urgent") == "urgent"
        held = _locks(tmp_path)
        # The program that we become goes on holding them.
        assert [os.get_inheritable(each) for each in held.values()] == [True] * 3
        os.close(held[f"{NODE}-worker.lock"])
        assert names.worker_name("worker") == "worker"
    finally:
        for each in _locks(tmp_path).values():
            os.close(each)


def _locks(folder: Path) -> dict[str, int]:
    """Return our descriptors of files in ``folder``."""
    found = {}
    for each in Path("/proc/self/fd").iterdir():
        path = each.resolve()
        if path.is_relative_to(folder):
            found[path.name] = int(each.name)
    return found


def test_nothing_that_has_started_is_healthy_too(tmp_path: Path) -> None:
    answer = run("healthy", variables=container_environment(tmp_path, tmp_path))
    assert (answer.returncode, answer.stderr) == (0, "")


def test_what_is_waited_for_is_said_without_its_password(tmp_path: Path) -> None:
    port = free_port()
    program = Program(
        tmp_path,
        "beat",
        DATABASE_URL_FILE="",
        DATABASE_URL=f"postgres://someone:very-secret@127.0.0.1:{port}/x",
    ).start()
    try:
        said = f"Waiting for PostgreSQL (127.0.0.1:{port})"
        until(lambda: said in program.log(), said)
        assert "very-secret" not in program.log()
        assert program.end(5) == -15
    finally:
        program.stop()


def test_a_program_waits_for_the_schema_that_it_needs(
    tmp_path: Path, empty_database: str
) -> None:
    program = Program(
        tmp_path, "beat", DATABASE_URL_FILE="", DATABASE_URL=empty_database
    ).start()
    try:
        said = "Waiting for the database's schema"
        until(lambda: said in program.log(), said, 60)
    finally:
        program.stop()


def test_the_holder_of_a_network_ends_when_it_is_told_to(tmp_path: Path) -> None:
    program = Program(tmp_path, "hold").start()
    try:
        until(lambda: "is held" in program.log(), "the wait of hold")
        assert program.end(10) == 0
    finally:
        program.stop()


def test_commands_of_manage_py_run_by_the_entry_point(tmp_path: Path) -> None:
    variables = container_environment(tmp_path, tmp_path)
    answer = run("manage", "generate_key", variables=variables)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()
    answer = run("doctor", "no-such-check", variables=variables)
    assert answer.returncode == 2
    assert "no-such-check" in answer.stderr


def test_the_entry_point_of_the_image_is_a_script_that_can_be_run() -> None:
    path = BASE_DIR / "docker" / "entrypoint"
    assert path.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(path)], check=True)
    assert "-m btc_watcher.container" in path.read_text(encoding="utf-8")
