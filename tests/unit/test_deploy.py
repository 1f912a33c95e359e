"""Compose file, Dockerfile and Kubernetes manifests agree with each other, with the settings, and with what is safe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard import access
from undertone.rules.file import load
from undertone.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((K8S / "kustomization.yaml").read_text(encoding="utf-8"))
OF_COMPOSE = {"CLUSTER_ID", "CONFIG", "DATA_SETS", "TRAIN_EVERY", "TRAIN_LABELS"}
"""Variables of the Compose file alone."""


def stages() -> set[str]:
    return set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))


def manifests() -> list[dict[str, Any]]:
    return [one for name in KUSTOMIZATION["resources"] for one in yaml.safe_load_all((K8S / name).read_text("utf-8"))]


def pods() -> Iterator[Any]:
    """Name and pod of each workload."""
    cron = yaml.safe_load((ROOT / "deploy" / "train-cronjob.yaml").read_text("utf-8"))
    yield cron["metadata"]["name"], cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for one in manifests():
        if one["kind"] in ("Deployment", "Job"):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


PODS = dict(pods())


def test_every_variable_is_a_setting() -> None:
    texts = [DOCKERFILE, COMPOSE_TEXT, *(path.read_text("utf-8") for path in K8S.iterdir())]
    named = {name for text in texts for name in re.findall(rf"\b{PREFIX}(\w+)", text)}
    assert {name.lower() for name in named - OF_COMPOSE} <= set(Settings.model_fields)


def test_every_image_is_a_stage_of_the_dockerfile() -> None:
    built = {one["build"]["target"] for one in COMPOSE["services"].values() if "build" in one}
    assert built <= stages()
    tags = {one["name"]: one["newTag"] for one in KUSTOMIZATION["images"]}
    assert set(tags.values()) <= stages()
    images = {pod["containers"][0]["image"] for name, pod in PODS.items() if name != "undertone-train"}
    assert images == set(tags)


def test_compose_publishes_ports_on_loopback_only() -> None:
    ports = [port for one in COMPOSE["services"].values() for port in one.get("ports", [])]
    assert {"127.0.0.1:8501:8501", "127.0.0.1:8082:8082", "127.0.0.1:8600:8600"} <= set(ports)
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_compose_mounts_what_people_configure_as_read_only() -> None:
    for name in ("watch", "dashboard"):
        [mount] = [one for one in COMPOSE["services"][name]["volumes"] if ":/config" in one]
        assert mount.endswith(":/config:ro")


@pytest.mark.parametrize("name", PODS)
def test_a_pod_may_do_no_more_than_it_needs(name: str) -> None:
    pod = PODS[name]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for one in pod["containers"]:
        allowed = one["securityContext"]
        assert (allowed["allowPrivilegeEscalation"], allowed["readOnlyRootFilesystem"]) == (False, True)
        assert allowed["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory"} <= one["resources"]["requests"].keys()
        assert "memory" in one["resources"]["limits"]


@pytest.mark.parametrize("name", ["undertone-worker", "undertone-dashboard", "undertone-api"])
def test_what_has_a_port_is_probed(name: str) -> None:
    [container] = PODS[name]["containers"]
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()


def test_what_pods_mount_is_generated_claimed_or_a_secret_of_the_operator() -> None:
    generated = {one["name"] for one in KUSTOMIZATION["configMapGenerator"]}
    claims = {one["metadata"]["name"] for one in manifests() if one["kind"] == "PersistentVolumeClaim"}
    named = [volume for name, pod in PODS.items() if name != "undertone-train" for volume in pod["volumes"]]
    assert {one["configMap"]["name"] for one in named if "configMap" in one} <= generated
    assert {one["persistentVolumeClaim"]["claimName"] for one in named if "persistentVolumeClaim" in one} <= claims
    told = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    assert all(one["secret"]["secretName"] in told for one in named if "secret" in one)


def test_each_service_and_budget_selects_a_workload() -> None:
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in manifests() if one["kind"] == "Deployment"]
    selectors = [one["spec"]["selector"] for one in manifests() if one["kind"] == "Service"]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in manifests() if one["kind"] == "PodDisruptionBudget"]
    assert len(selectors) == 6
    assert all(any(selector.items() <= one.items() for one in labels) for selector in selectors)


def test_the_rules_and_the_roles_of_the_base_can_be_read() -> None:
    assert load(K8S / "rules.yaml").rules
    assert access.load(K8S / "roles.toml").of("anybody@example.org") is None
