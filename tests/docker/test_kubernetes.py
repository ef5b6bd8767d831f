"""The manifests: every name that one uses, another defines."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from btc_watcher.container.__main__ import PROGRAMS
from tests.docker.files import DOCKER, documents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = DOCKER / "kubernetes"
PATHS = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "secret.yaml")
KUSTOMIZATION = documents(FOLDER / "kustomization.yaml")[0]
ALL = documents(*(path for path in PATHS if path.name != "kustomization.yaml"))
NAME = "app.kubernetes.io/name"


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [each for each in ALL if each["kind"] in kinds]


def named(kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in of_kind(kind)}


WORKLOADS = of_kind("Deployment", "StatefulSet", "Job")
PODS = {each["metadata"]["name"]: each["spec"]["template"] for each in WORKLOADS}


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each container with the specification of its pod."""
    for pod in PODS.values():
        for container in pod["spec"]["containers"]:
            yield container, pod["spec"]


def test_every_file_is_listed_and_every_document_is_of_a_kind_that_we_know() -> None:
    files = {path.name for path in PATHS}
    own = {"kustomization.yaml", "secret.example.yaml"}
    assert set(KUSTOMIZATION["resources"]) == files - own | {"secret.yaml"}
    kinds = {each["kind"] for each in ALL}
    assert kinds == {
        *("Namespace", "Secret", "ConfigMap", "Job", "Deployment", "StatefulSet"),
        *("Service", "Ingress", "PodDisruptionBudget", "PersistentVolumeClaim"),
        "NetworkPolicy",
    }
    assert list(named("Namespace")) == [KUSTOMIZATION["namespace"]]
    names = [(each["kind"], each["metadata"]["name"]) for each in ALL]
    assert len(names) == len(set(names))


def test_the_programs_are_those_of_the_image() -> None:
    ran = {container["args"][0] for container, _pod in containers()}
    assert ran == {*("web", "worker", "worker-urgent", "beat", "supervisor", "migrate")}
    assert ran <= set(PROGRAMS)
    assert {container["image"] for container, _pod in containers()} == {
        image["name"] for image in KUSTOMIZATION["images"]
    }


def test_selectors_find_the_pods_that_they_are_meant_for() -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in PODS.items()}
    assert all(label[NAME] == name for name, label in labels.items())
    for each in of_kind("Deployment", "StatefulSet"):
        name = each["metadata"]["name"]
        assert each["spec"]["selector"]["matchLabels"] == labels[name]
    for each in of_kind("Service"):
        assert each["spec"]["selector"][NAME] in PODS
    for each in of_kind("PodDisruptionBudget"):
        assert each["spec"]["selector"]["matchLabels"][NAME] in PODS
    for each in of_kind("StatefulSet"):
        service = named("Service")[each["spec"]["serviceName"]]
        assert service["spec"]["clusterIP"] == "None"


def test_secrets_and_volumes_that_pods_mount_exist() -> None:
    secrets = {name: set(each["stringData"]) for name, each in named("Secret").items()}
    for container, pod in containers():
        volumes = {each["name"]: each for each in pod["volumes"]}
        mounted = {each["name"] for each in container["volumeMounts"]}
        assert mounted - {"home"} <= volumes.keys()
        for volume in volumes.values():
            if "secret" in volume:
                kept = secrets[volume["secret"]["secretName"]]
                items = volume["secret"].get("items", [])
                assert {item["key"] for item in items} <= kept
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert claim in named("PersistentVolumeClaim")


def test_every_file_that_a_program_is_told_of_is_mounted() -> None:
    common = named("ConfigMap")["btc-watcher"]["data"]
    keys = {name: set(each["stringData"]) for name, each in named("Secret").items()}
    for container, pod in containers():
        own = {each["name"]: each.get("value", "") for each in container["env"]}
        values = [v for k, v in (common | own).items() if k.endswith("_FILE")]
        values += [word for word in container["args"] if word.startswith("/run/")]
        for value in values:
            folder, _, key = value.rpartition("/")
            mount = next(
                m for m in container["volumeMounts"] if m["mountPath"] == folder
            )
            volume = next(v for v in pod["volumes"] if v["name"] == mount["name"])
            assert key in keys[volume["secret"]["secretName"]]


def test_the_owner_of_the_tables_is_known_to_migrations_and_backups_alone() -> None:
    knows = {
        name
        for name, pod in PODS.items()
        for volume in pod["spec"]["volumes"]
        if volume.get("secret", {}).get("secretName") == "btc-watcher-owner"
    }
    assert knows == {"migrate", "worker"}


def test_the_example_of_secrets_holds_none() -> None:
    for each in of_kind("Secret"):
        for value in each["stringData"].values():
            assert "REPLACE" in value


def test_no_pod_has_more_rights_than_the_strictest_standard_gives() -> None:
    for container, pod in containers():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"]["memory"]
        assert container["resources"]["limits"]["memory"]


def test_what_lasts_is_probed_and_web_is_asked_under_a_name_that_it_knows() -> None:
    hosts = named("ConfigMap")["btc-watcher"]["data"]["BTCW_ALLOWED_HOSTS"].split(",")
    for container, _pod in containers():
        if container["args"][0] == "migrate":
            continue
        for probe in ("startupProbe", "livenessProbe"):
            if container["args"] != ["web"]:
                assert container[probe]["exec"]["command"] == ["btcw", "healthy"]
    (web,) = PODS["web"]["spec"]["containers"]
    paths = {"livenessProbe": "/health/live", "readinessProbe": "/health/ready"}
    for probe, path in paths.items():
        asked = web[probe]["httpGet"]
        assert asked["path"] == path
        assert asked["httpHeaders"][0]["value"] in hosts
        assert asked["port"] in {port["name"] for port in web["ports"]}


def test_people_reach_web_and_nobody_else_under_one_name() -> None:
    (ingress,) = of_kind("Ingress")
    rule = ingress["spec"]["rules"][0]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    ports = named("Service")[backend["name"]]["spec"]["ports"]
    assert backend["port"]["name"] in {port["name"] for port in ports}
    names = {port["name"] for port in PODS["web"]["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in ports} == names
    common = named("ConfigMap")["btc-watcher"]["data"]
    assert rule["host"] in common["BTCW_ALLOWED_HOSTS"].split(",")
    assert common["BTCW_TRUSTED_ORIGINS"] == f"https://{rule['host']}"
    assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]


def test_there_is_one_schedule_and_never_two() -> None:
    beat = named("Deployment")["beat"]["spec"]
    assert beat["replicas"] == 1
    assert beat["strategy"] == {"type": "Recreate"}


def test_a_supervisor_keeps_its_home_and_tells_others_where_it_is() -> None:
    supervisor = named("StatefulSet")["supervisor"]["spec"]
    (claim,) = supervisor["volumeClaimTemplates"]
    (container,) = supervisor["template"]["spec"]["containers"]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounts[claim["metadata"]["name"]] == "/var/lib/btcw"
    values = {each["name"]: each for each in container["env"]}
    assert values["BTCW_NODE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    address = values["BTCW_NODE_ADDRESS"]["value"]
    assert address == f"$(BTCW_NODE).{supervisor['serviceName']}"
    assert supervisor["template"]["spec"]["terminationGracePeriodSeconds"] > 60


def test_kubectl_builds_one_whole_where_it_is_installed(tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    shutil.copytree(FOLDER, tmp_path / "k")
    shutil.copy(FOLDER / "secret.example.yaml", tmp_path / "k" / "secret.yaml")
    done = subprocess.run(
        [kubectl, "kustomize", str(tmp_path / "k")],
        capture_output=True,
        text=True,
        check=True,
    )
    (tmp_path / "whole.yaml").write_text(done.stdout, encoding="utf-8")
    whole = documents(tmp_path / "whole.yaml")
    assert len(whole) == len(ALL)
    for each in whole:
        if each["kind"] in {"Deployment", "StatefulSet", "Job"}:
            # The policy of the bots lets in who carries it.
            labels = each["spec"]["template"]["metadata"]["labels"]
            assert labels["app.kubernetes.io/part-of"] == "btc-watcher"
