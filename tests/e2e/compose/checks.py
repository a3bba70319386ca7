"""What must hold of the containers while they run: their limits, their zones, and what the proxy lets through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
from redis import Redis, RedisError

from tests.e2e.compose.stack import Stack

_OPEN_A_DOOR = """
import socket, sys
for door in sys.argv[1:]:
    host, port = door.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
        print("open", door)
    except OSError:
        print("closed", door)
"""


def findings(stack: Stack) -> list[str]:
    """Return what is not as it should be, a sentence each."""
    containers = stack.containers()
    return [*_limits(containers), *_zones(stack, containers), *_front(stack), *_door_for_workers(stack)]


def _limits(containers: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, described in containers.items():
        if name == "pacs":
            continue
        host = described["HostConfig"]
        checks = {
            "its root file system can be written": not host["ReadonlyRootfs"],
            "it keeps capabilities": bool(described.get("EffectiveCaps")),
            "it may gain privileges": not any("no-new-privileges" in option for option in host["SecurityOpt"] or ()),
            "it runs as root": described["Config"]["User"] in ("", "root", "0"),
            "its memory has no limit": not host["Memory"],
            "its processes have no limit": (host["PidsLimit"] or 0) <= 0,
            "it is privileged": bool(host["Privileged"]),
        }
        yield from (f"{name}: {wrong}" for wrong, holds in checks.items() if holds)


def _zones(stack: Stack, containers: dict[str, dict[str, Any]]) -> Iterator[str]:
    """A worker reaches the research archive and the broker, by name or by address, and nothing else."""
    allowed = {"orthanc-research": 8042, "broker": 6379}
    others = {"orthanc-clinical": 8042, "database": 5432, "gateway-api": 8080, "proxy": 8443, "pacs": 4242}
    doors = [f"{name}:{port}" for name, port in (allowed | others).items()]
    doors += [f"{address}:{others[name]}" for name in others for address in _addresses(containers[name])]
    answered = stack.execute("worker", "python", "-c", _OPEN_A_DOOR, *doors).splitlines()
    opened = {line.removeprefix("open ") for line in answered if line.startswith("open ")}
    expected = {f"{name}:{port}" for name, port in allowed.items()}
    shared = set(_addresses(containers["gateway-api"])) & opened_hosts(opened)
    # The gateway sends orders and answers nothing: only its own port on a network that both are on may be seen.
    unexpected = {door for door in opened - expected if door.rsplit(":", 1)[0] not in shared | {"gateway-api"}}
    yield from (f"a worker reaches {door}" for door in sorted(unexpected))
    yield from (f"a worker does not reach {door}" for door in sorted(expected - opened))
    for address in _addresses(containers["orthanc-clinical"]):
        url = f"http://{address}:8042/system"
        reached = stack.execute(
            "orthanc-research", "sh", "-c", f"curl -s -m 3 -o /dev/null -w '%{{http_code}}' {url} || true"
        )
        if reached.strip() not in ("000", ""):
            yield f"the research archive reaches the clinical archive: {reached}"


def opened_hosts(doors: set[str]) -> set[str]:
    """Return the hosts of doors."""
    return {door.rsplit(":", 1)[0] for door in doors}


def _addresses(described: dict[str, Any]) -> list[str]:
    networks = described["NetworkSettings"]["Networks"].values()
    return [network["IPAddress"] for network in networks if network["IPAddress"]]


def _front(stack: Stack) -> Iterator[str]:
    with httpx.Client(verify=stack.browser_trust, timeout=30) as browser:
        page = browser.get(stack.url)
        if page.status_code != 200 or "Strict-Transport-Security" not in page.headers:
            yield f"the viewer's page came with {page.status_code} and without HSTS"
        redirected = browser.get(f"http://127.0.0.1:{stack.ports.research_http}/cases")
        if redirected.status_code != 301 or not redirected.headers["Location"].startswith("https://"):
            yield "plain HTTP is not sent on to HTTPS"
        if browser.get(f"{stack.url}/metrics").status_code == 200:
            body = browser.get(f"{stack.url}/metrics").text
            if "# HELP" in body:
                yield "figures for monitoring are shown to everybody"


def _door_for_workers(stack: Stack) -> Iterator[str]:
    """Workers on other machines get to both, over TLS, with their own account, and to DICOMweb alone."""
    account = ("worker", stack.secret("research-worker"))
    with httpx.Client(base_url=stack.research_for_workers, verify=stack.browser_trust, timeout=30) as outside:
        expected = {"/dicom-web/studies": 200, "/system": 200, "/patients": 404}
        for path, status in expected.items():
            found = outside.get(path, auth=account).status_code
            if found != status:
                yield f"a worker elsewhere got {found} for {path} of the research archive"
        if outside.get("/dicom-web/studies").status_code != 401:
            yield "the research archive answers strangers"
    try:
        with Redis.from_url(stack.broker_for_workers, ssl_ca_certs=str(stack.authority), socket_timeout=10) as broker:
            broker.ping()
    except RedisError as refused:
        yield f"a worker elsewhere does not reach the broker: {refused}"
