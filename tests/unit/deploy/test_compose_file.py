"""What compose.yaml promises about zones and limits, where no container can run to prove it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from demo.installation import REPOSITORY

COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ELSEWHERE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.workers.yaml").read_text(encoding="utf-8"))
"""Workers on a machine of their own."""
CLINICAL = frozenset({"front", "viewer", "clinical", "database"})
"""Networks on which identified data is, or a way out."""


@pytest.mark.parametrize(
    "service",
    [*SERVICES.values(), *ELSEWHERE["services"].values()],
    ids=[*SERVICES, *(f"{name} elsewhere" for name in ELSEWHERE["services"])],
)
def test_every_container_is_hardened(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] > 0
    assert service["mem_limit"]
    # Podman splits what a health check runs at its spaces.
    assert service["healthcheck"]["test"][0] == "CMD"
    assert not any(" " in word for word in service["healthcheck"]["test"])
    assert "privileged" not in service


@pytest.mark.parametrize("name", ["worker", "worker-fast-track", "orthanc-research", "broker"])
def test_the_pseudonymous_side_is_on_no_network_of_the_clinical_one(name: str) -> None:
    assert not CLINICAL & set(SERVICES[name]["networks"])
    assert "ports" not in SERVICES[name]


def test_no_network_but_the_front_leads_anywhere() -> None:
    open_networks = {name for name, network in COMPOSE["networks"].items() if not (network or {}).get("internal")}
    assert open_networks == {"front"}


def test_only_the_proxy_and_dicom_are_published_and_on_this_host_unless_asked() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"proxy", "orthanc-clinical", "gateway-tasks", "workers-door"}
    for ports in published.values():
        assert all("_BIND:-127.0.0.1}:" in port for port in ports)


def test_a_worker_holds_the_secrets_of_its_own_zone_alone() -> None:
    for name in ("worker", "worker-fast-track"):
        assert set(SERVICES[name]["secrets"]) == {"broker-password", "research-worker"}
    assert set(SERVICES["orthanc-research"]["secrets"]) == {"research-gateway", "research-worker"}
    assert "research-worker" not in SERVICES["orthanc-clinical"]["secrets"]
    assert {name for name, service in SERVICES.items() if "https-key" in service["secrets"]} == {"proxy"}


def test_workers_elsewhere_are_those_of_the_gateways_machine_but_for_the_way_to_it() -> None:
    assert set(ELSEWHERE["services"]) == {name for name in SERVICES if name.startswith("worker") and "door" not in name}
    for name, service in ELSEWHERE["services"].items():
        own, there = SERVICES[name]["environment"], service["environment"]
        assert set(there) == {*own, "SSL_CERT_FILE"}
        ways = {"INTERVAL_BROKER_URL", "INTERVAL_RESEARCH_URL"}
        assert {key for key in own if own[key] != there[key]} == ways
        assert {there[way].partition(":")[0] for way in ways} == {"rediss", "https"}
        assert set(service["secrets"]) == {*SERVICES[name]["secrets"], "authority-certificate"}
        assert "ports" not in service


def test_whoever_has_figures_shows_them_at_the_port_that_the_pages_name() -> None:
    shown = {
        name: service["environment"].get("INTERVAL_METRICS_PORT")
        for name, service in SERVICES.items()
        if "environment" in service
    }
    assert {name for name, port in shown.items() if port == 9108} == {
        "gateway-api",
        "gateway-tasks",
        "worker",
        "worker-fast-track",
    }


def test_the_door_for_workers_is_closed_unless_a_site_opens_it() -> None:
    door = SERVICES["workers-door"]
    assert door["profiles"] == ["workers-elsewhere"]
    assert set(door["networks"]) == {"front", "research", "queue"}
    assert set(door["secrets"]) == {"workers-certificate", "workers-key"}


def test_no_secret_stands_in_the_file() -> None:
    assert all("INTERVAL_SECRETS" in secret["file"] for secret in COMPOSE["secrets"].values())
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if "PASSWORD" in variable or "KEY" in variable:
                assert variable.endswith(("_FILE", "_KEY")), variable
                assert str(value).startswith(("/run/secrets/", "${")), variable


@pytest.mark.parametrize(
    "dockerfile", sorted(REPOSITORY.glob("*/Dockerfile")) + sorted(REPOSITORY.glob("deploy/*/Dockerfile"))
)
def test_every_image_ends_as_a_user_without_rights(dockerfile: Any) -> None:
    lines = dockerfile.read_text(encoding="utf-8").splitlines()
    users = [line for line in lines if line.startswith("USER ")]
    assert users[-1:] == ["USER interval"]
    assert any("--uid 10001" in line for line in lines)
    assert all(line == "FROM ${BASE}" or " AS " in line for line in lines if line.startswith("FROM "))


def test_every_line_that_install_md_has_for_env_is_read() -> None:
    page = (REPOSITORY / "docs" / "install.md").read_text(encoding="utf-8")
    of_env = page[page.index("## 2.") : page.index("Every other setting")]
    names = set(re.findall(r"\b((?:INTERVAL|ORTHANC)_[A-Z_]*[A-Z])\b", of_env))
    assert len(names) > 15
    composed = (REPOSITORY / "compose.yaml").read_text(encoding="utf-8")
    assert {name for name in names if f"${{{name}" not in composed} == set()
