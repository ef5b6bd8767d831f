"""compose.yml: what matters to whoever trusts it with money and passwords."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.container.__main__ import PROGRAMS
from btc_watcher.env import BASE_DIR
from btc_watcher.local.roster import Ports, roster
from tests.docker.files import DOCKER, compose, documents

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = compose()
SERVICES: dict[str, dict[str, Any]] = WHOLE["services"]
OURS = {name for name, each in SERVICES.items() if "btc-watcher" in each["image"]}
# Ends by itself.
ONCE = {"migrate"}
# It only is there: nobody waits for its health, and asking would take its memory.
UNASKED = ONCE | {"node"}
OF_THE_NODE = {"web", "worker", "worker-urgent", "supervisor"}
MEGABYTES = {"m": 1, "g": 1024}


def test_every_process_of_make_up_has_a_service_and_a_proxy_stands_before_them() -> (
    None
):
    demonstration = {"simulator", "mailcatcher"}
    wanted = {c.name for c in roster(Ports(1, 2, 3), {})} - demonstration
    assert wanted | {"migrate", "node"} == OURS
    assert set(SERVICES) - OURS == {"proxy", "postgres", "redis"}
    assert {SERVICES[name]["command"][0] for name in OURS} <= set(PROGRAMS)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not service.get("privileged")
    if name == "proxy":
        assert service["cap_add"] == ["NET_BIND_SERVICE"]
    else:
        assert int(service["user"].partition(":")[0]) > 0
        assert "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_watched_started_again_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("on-failure" if name in ONCE else "unless-stopped")
    assert service["healthcheck"].get("disable", False) is (name in UNASKED)
    assert name in UNASKED or service["healthcheck"]["test"]
    assert service["mem_limit"]
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - OURS))
def test_images_of_others_are_pinned_to_a_release(name: str) -> None:
    assert re.fullmatch(
        r"[a-z]+:\d+\.\d+(\.\d+)?-(alpine|bookworm)", SERVICES[name]["image"]
    )


def test_the_servers_are_the_versions_that_we_promise() -> None:
    assert SERVICES["postgres"]["image"].startswith("postgres:17.")
    assert SERVICES["redis"]["image"].startswith("redis:7.")
    loaded = "shared_preload_libraries=pg_stat_statements"
    assert loaded in SERVICES["postgres"]["command"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_the_file(name: str) -> None:
    service = SERVICES[name]
    for key, value in (service.get("environment") or {}).items():
        secret = re.search("PASSWORD|SECRET|KEYS|TOKEN|_URL", key)
        if secret and not key.endswith("_FILE"):
            assert key == "BTCW_PUBLIC_URL", key
        if key.endswith("_FILE"):
            # What is read by file is a secret of this very service.
            assert value.removeprefix("/run/secrets/") in service["secrets"], key
    known = {path.removeprefix("/run/secrets/") for path in service.get("command", [])}
    of_others = WHOLE["secrets"].keys() - set(service.get("secrets", []))
    assert not known & of_others


def test_every_secret_is_a_file_that_the_script_makes(tmp_path: Path) -> None:
    subprocess.run(
        [str(DOCKER / "make-secrets"), str(tmp_path / "secrets")],
        check=True,
        capture_output=True,
    )
    made = {f"docker/secrets/{path.name}" for path in (tmp_path / "secrets").iterdir()}
    assert {each["file"] for each in WHOLE["secrets"].values()} == made
    for each in WHOLE["configs"].values():
        assert (BASE_DIR / each["file"]).is_file()


def test_the_owner_of_the_tables_is_known_to_migrations_and_backups_alone() -> None:
    owner = "database_owner_url"
    knows = {
        name for name, each in SERVICES.items() if owner in each.get("secrets", [])
    }
    assert knows == {"migrate", "worker"}


def test_servers_are_reached_by_our_containers_alone() -> None:
    assert WHOLE["networks"]["servers"]["internal"] is True
    for name in ("postgres", "redis"):
        assert SERVICES[name]["networks"] == ["servers"]
        assert "ports" not in SERVICES[name]
    assert [name for name, each in SERVICES.items() if "ports" in each] == ["proxy"]


def test_whoever_looks_at_bots_shares_their_network_processes_and_files() -> None:
    for name in OF_THE_NODE:
        service = SERVICES[name]
        assert service["network_mode"] == "service:node"
        assert service["pid"] == "service:node"
        assert "state:/var/lib/btcw" in service["volumes"]
        assert service["environment"]["BTCW_NODE"]
    assert "web" in SERVICES["node"]["networks"]["outside"]["aliases"]
    caddy = (DOCKER / "config" / "Caddyfile").read_text("utf-8")
    assert f"reverse_proxy web:{SERVICES['web']['environment']['BTCW_PORT']}" in caddy


def test_everything_waits_for_the_servers_and_the_migrations() -> None:
    for name in OURS - {"node", "migrate"}:
        waits = SERVICES[name]["depends_on"]
        assert waits["migrate"]["condition"] == "service_completed_successfully"
        assert waits["postgres"]["condition"] == "service_healthy"
        assert waits["redis"]["condition"] == "service_healthy"


def test_what_ends_slowly_is_given_the_time_that_make_up_gives() -> None:
    for child in roster(Ports(1, 2, 3), {}):
        if child.name in SERVICES:
            grace = SERVICES[child.name]["stop_grace_period"]
            assert float(grace.removesuffix("s")) > child.grace_seconds


def test_bots_fit_into_what_their_container_may_hold() -> None:
    supervisor = SERVICES["supervisor"]
    limit = _default(supervisor["mem_limit"])
    most = MEGABYTES[limit[-1]] * int(limit[:-1])
    bots = int(_default(supervisor["environment"]["BTCW_BOTS_MEMORY_MB"]))
    assert bots < 0.9 * most


def _default(value: str) -> str:
    return value.partition(":-")[2].rstrip("}")


def test_extra_files_of_compose_fit_the_first_one() -> None:
    for path in DOCKER.glob("compose.*.yml"):
        extra = documents(path)[0]
        assert extra["services"].keys() <= SERVICES.keys(), path.name


def test_whoever_reaches_postgresql_can_be_given_its_authority() -> None:
    extra = documents(DOCKER / "compose.database-ca.yml")[0]
    asks = {
        name
        for name in OURS
        if {"database_url", "database_owner_url"} & set(SERVICES[name]["secrets"])
    }
    assert extra["services"].keys() == asks
    for each in extra["services"].values():
        assert each["secrets"] == list(extra["secrets"])


def test_compose_itself_understands_it_where_it_is_installed(tmp_path: Path) -> None:
    program = _compose_program()
    if program is None:
        pytest.skip("docker compose is not installed")
    shutil.copy(BASE_DIR / "compose.yml", tmp_path)
    shutil.copytree(DOCKER, tmp_path / "docker")
    command = [str(tmp_path / "docker" / "make-secrets")]
    subprocess.run(command, check=True, capture_output=True)
    extra = [["--file", str(path)] for path in sorted(tmp_path.glob("docker/*.yml"))]
    for more in [[], *extra]:
        files = ["--file", "compose.yml", *more] if more else []
        subprocess.run(
            [*program, *files, "config", "--quiet"], cwd=tmp_path, check=True
        )


def _compose_program() -> list[str] | None:
    alone = shutil.which("docker-compose")
    docker = shutil.which("docker")
    if docker is not None:
        asked = [docker, "compose", "version"]
        if subprocess.run(asked, check=False, capture_output=True).returncode == 0:
            return [docker, "compose"]
    return [alone] if alone else None
