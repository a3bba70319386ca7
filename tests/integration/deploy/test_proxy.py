"""The proxy of the installation before a real gateway: HTTPS only, and not too much of it from one address."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from demo.installation import REPOSITORY, Ports, System, listens
from demo.processes import RunningSystem, Service
from demo.story import add_demo_reader
from tests.certificates import Authority

pytestmark = pytest.mark.integration

TYPED = "Xqztypedname"


@dataclass(frozen=True)
class BehindProxy(System):
    """A system whose browsers come over HTTPS."""

    def gateway_environment(self) -> dict[str, str]:
        return super().gateway_environment() | {"INTERVAL_SECURE_COOKIES": "true"}


@dataclass(frozen=True)
class Front:
    """What the hospital's network sees."""

    https: str
    http: str
    trust: ssl.SSLContext
    system: System

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.https, verify=self.trust, timeout=60)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    authority = Authority(folder, "authority")
    identity = authority.identity("proxy")
    ports = Ports.free()
    system = BehindProxy(folder / "system", ports)
    environment = dict(os.environ) | {
        "PROXY_CERTIFICATE": str(identity.certificate),
        "PROXY_KEY": str(identity.key),
        "PROXY_GATEWAY": f"127.0.0.1:{ports.gateway}",
        "PROXY_HTTPS_PORT": str(ports.clinical_http),
        "PROXY_HTTP_PORT": str(ports.research_http),
        "PROXY_STATE": str(folder / "state"),
    }
    proxy = Service(
        "proxy",
        (str(REPOSITORY / "deploy" / "proxy" / "start.sh"),),
        environment,
        lambda: listens(ports.clinical_http),
    )
    trust = ssl.create_default_context(cafile=str(authority.certificate))
    with RunningSystem(system, only=("gateway-api",), before=(proxy,)):
        yield Front(
            f"https://127.0.0.1:{ports.clinical_http}", f"http://127.0.0.1:{ports.research_http}", trust, system
        )


def test_everything_comes_over_https_and_says_so(front: Front) -> None:
    with front.browser() as browser:
        answer = browser.get("/api/session/ways")
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "nginx/" not in answer.headers.get("Server", "")
    moved = httpx.get(f"{front.http}/cases/1")
    assert (moved.status_code, moved.headers["Location"]) == (301, "https://127.0.0.1/cases/1")


def test_old_versions_of_tls_are_refused(front: Front) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("AES128-SHA")  # without forward secrecy
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{front.https}/api/session/ways", verify=old)


def test_a_session_works_through_the_proxy_and_its_cookie_stays_with_https(front: Front) -> None:
    add_demo_reader(front.system)
    with front.browser() as browser:
        credentials = {"user_name": "demo-reader", "password": front.system.secret("demo-reader")}
        signed_in = browser.post("/api/session", json=credentials)
        assert signed_in.status_code == 200
        cookie = signed_in.headers["Set-Cookie"]
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
        assert browser.get("/api/session").json()["user_name"] == "demo-reader"


@pytest.mark.parametrize(
    ("path", "before_refusal"),
    [("/api/uploads", 10), ("/api/session", 15)],
)
def test_one_address_may_not_ask_too_often(front: Front, path: str, before_refusal: int) -> None:
    with front.browser() as browser:
        statuses = [browser.post(f"{path}?typed={TYPED}").status_code for _ in range(60)]
        refused = next(answer for answer in iter(lambda: browser.post(path), None) if answer.status_code == 429)
        assert browser.get("/api/session/ways").status_code == 200
    assert 429 in statuses
    assert statuses.index(429) >= before_refusal
    assert "Try again" in refused.json()["detail"]
    assert "Strict-Transport-Security" in refused.headers
    assert TYPED not in (front.system.home / "logs" / "proxy.log").read_text(encoding="utf-8")


def test_a_request_that_is_no_upload_brings_little(front: Front) -> None:
    with front.browser() as browser:
        assert browser.post("/api/cases", content=b" " * 70_000).status_code == 413
