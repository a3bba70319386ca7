"""A small OpenID Connect provider on loopback, which lets in whoever the test says."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "interval", "the client's own secret"


@dataclass
class Provider:
    """Who signs in next, and how its tokens are made; a test may change any of it."""

    issuer: str
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    claims: dict[str, object] = field(
        default_factory=lambda: {
            "sub": "4711",
            "preferred_username": "clara",
            "name": "Dr. Clara Fall",
            "realm_access": {"roles": ["staff", "neuro-readers"]},
        }
    )
    overrides: dict[str, object] = field(default_factory=dict)
    signing_key: RSAKey | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    def authorize(self, query: dict[str, str]) -> str:
        """Let the person in and return where the browser goes."""
        self.asked.append(query)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, object] | None:
        """Exchange a code, once, for the client that began and holds the verifier."""
        begun = self.codes.pop(form.get("code", ""), None)
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            begun is None
            or authorization != f"Basic {expected}"
            or begun["code_challenge"] != challenge.rstrip(b"=").decode()
            or begun["redirect_uri"] != form.get("redirect_uri")
        ):
            return None
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": begun["nonce"],
            **self.claims,
            **self.overrides,
        }
        token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.signing_key or self.key)
        return {"access_token": "x", "token_type": "Bearer", "id_token": token}


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Serve a provider on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    server.provider = provider  # type: ignore[attr-defined]  # for its handler
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    serving.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        provider: Provider = self.server.provider  # type: ignore[attr-defined]  # as set above
        address = urlsplit(self.path)
        if address.path == "/.well-known/openid-configuration":
            self._answer(
                {
                    "issuer": provider.issuer,
                    "authorization_endpoint": f"{provider.issuer}/authorize",
                    "token_endpoint": f"{provider.issuer}/token",
                    "jwks_uri": f"{provider.issuer}/keys",
                }
            )
        elif address.path == "/keys":
            self._answer({"keys": [provider.key.as_dict(private=False)]})
        else:
            self.send_response(302)
            self.send_header("Location", provider.authorize(_single(address.query)))
            self.end_headers()

    def do_POST(self) -> None:
        provider: Provider = self.server.provider  # type: ignore[attr-defined]  # as set above
        form = _single(self.rfile.read(int(self.headers["Content-Length"])).decode())
        token = provider.token(form, self.headers.get("Authorization", ""))
        self._answer(token if token is not None else {"error": "invalid_grant"}, 200 if token is not None else 400)

    def log_message(self, *args: object) -> None:
        """Say nothing on the terminal."""

    def _answer(self, body: dict[str, object], status: int = 200) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _single(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
