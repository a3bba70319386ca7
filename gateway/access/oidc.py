"""Signing in with the hospital's identity provider: OpenID Connect, authorization code flow with PKCE (ADR 0009).

The provider says who somebody is; which role that gives is the site's choice, by a claim and a table in the
settings. Nobody whose claim names no role gets in.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.access.roles import Role
from processing.domain.errors import InputRejected, Transient

TIMEOUT_S = 10.0
ATTEMPT_LASTS = timedelta(minutes=10)
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures by the provider's private key alone: never none, never one that a client's secret can make."""
_LEEWAY_S = 60


class NotAdmitted(InputRejected):
    """The provider knows the person, and Interval does not let them in."""


@dataclass(frozen=True)
class ProviderSettings:
    """How a site's provider is reached.

    Parameters
    ----------
    issuer : str
        Its address, as its tokens name it.
    client_id, client_secret : str
    redirect_uri : str
        Of the gateway, as registered there.
    role_claim : str
        Where the roles stand in the ID token; with dots through nested claims, as ``realm_access.roles``.
    roles : mapping of str to Role
        What a value of that claim gives; the first that a person has counts, in this order.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    role_claim: str
    roles: Mapping[str, Role]


@dataclass(frozen=True)
class Person:
    """Whom the provider vouches for; `subject` is theirs for ever, the names may change."""

    subject: str
    user_name: str
    display_name: str
    role: Role


class Attempt(BaseModel):
    """A sign-in that was begun in one browser, kept there sealed until the provider sends it back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: str
    nonce: str
    verifier: str
    return_to: str
    confirming: str = ""
    """Digest of the session whose person confirms that it is still them; empty for a sign-in."""
    expires_at: datetime


class _Metadata(BaseModel):
    """What is used of OpenID Connect Discovery 1.0, section 3."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class IdentityProvider:
    """The client of one provider; asks for its addresses and keys when they are first needed.

    Parameters
    ----------
    settings : ProviderSettings
    http : httpx.Client
    """

    def __init__(self, settings: ProviderSettings, http: httpx.Client) -> None:
        self._settings = settings
        self._http = http
        self._lock = threading.Lock()
        self._metadata: _Metadata | None = None
        self._keys: KeySet | None = None

    def begin(self, return_to: str, *, confirming: str = "", now: datetime | None = None) -> tuple[str, Attempt]:
        """Return the address to send the browser to, and what to expect when it comes back.

        Raises
        ------
        Transient
            If the provider can't be reached.
        """
        attempt = Attempt(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            return_to=return_to,
            confirming=confirming,
            expires_at=(now or datetime.now(UTC)) + ATTEMPT_LASTS,
        )
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=")
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._settings.redirect_uri,
            "scope": "openid profile",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        if confirming:
            query |= {"prompt": "login", "max_age": "0"}
        return f"{self._known().authorization_endpoint}?{urlencode(query)}", attempt

    def finish(self, attempt: Attempt, code: str, *, now: datetime | None = None) -> Person:
        """Exchange the code that the browser brought, and check what the provider says.

        Raises
        ------
        NotAdmitted
            If the code or the token is not valid, the person has no role here, or did not sign in anew to confirm.
        Transient
            If the provider can't be reached.
        """
        now = now or datetime.now(UTC)
        if attempt.expires_at <= now:
            raise NotAdmitted("The sign-in took too long. Please begin again.")
        claims = self._claims(self._id_token(attempt, code), attempt, now)
        if attempt.confirming and not _just_now(claims.get("auth_time"), now):
            raise NotAdmitted("The identity provider did not ask for the password again.")
        return self._person(claims)

    def _id_token(self, attempt: Attempt, code: str) -> str:
        answer = self._request(
            "POST",
            self._known().token_endpoint,
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._settings.redirect_uri,
                "code_verifier": attempt.verifier,
            },
            auth=(self._settings.client_id, self._settings.client_secret),
        )
        if answer.status_code != httpx.codes.OK:
            raise NotAdmitted("The identity provider did not confirm the sign-in. Please begin again.")
        token = answer.json().get("id_token")
        if not isinstance(token, str):
            raise NotAdmitted("The identity provider did not say who signed in.")
        return token

    def _claims(self, token: str, attempt: Attempt, now: datetime) -> Mapping[str, object]:
        registry = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            nonce={"essential": True, "value": attempt.nonce},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        for keys in (self._signing_keys(), self._signing_keys(anew=True)):
            try:
                decoded = jwt.decode(token, keys, algorithms=list(_ALGORITHMS))
                break
            except (JoseError, ValueError):
                # The provider may have changed its keys since they were fetched: one more look.
                continue
        else:
            raise NotAdmitted("The identity provider's answer is not signed by it.")
        try:
            registry.validate(decoded.claims)
        except JoseError:
            raise NotAdmitted("The identity provider's answer was not meant for this sign-in.") from None
        return decoded.claims

    def _person(self, claims: Mapping[str, object]) -> Person:
        held = _values(claims, self._settings.role_claim)
        role = next((role for value, role in self._settings.roles.items() if value in held), None)
        if role is None:
            raise NotAdmitted("Your account has no role in Interval. Ask whoever manages accounts.")
        subject = str(claims["sub"])
        user_name = str(claims.get("preferred_username") or subject)
        name = str(claims.get("name") or user_name).strip()[:128]
        return Person(f"{self._settings.issuer} {subject}", user_name, name or user_name, role)

    def _known(self) -> _Metadata:
        with self._lock:
            if self._metadata is None:
                answer = self._request("GET", f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
                try:
                    metadata = _Metadata.model_validate_json(answer.content)
                except ValidationError as wrong:
                    raise Transient("The identity provider does not describe itself.") from wrong
                if metadata.issuer != self._settings.issuer:
                    raise Transient("The identity provider goes by another name than in the settings.")
                self._metadata = metadata
            return self._metadata

    def _signing_keys(self, *, anew: bool = False) -> KeySet:
        address = self._known().jwks_uri
        with self._lock:
            if self._keys is None or anew:
                self._keys = KeySet.import_key_set(self._request("GET", address).json())
            return self._keys

    def _request(
        self,
        method: str,
        address: str,
        *,
        data: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> httpx.Response:
        try:
            return self._http.request(method, address, data=data, auth=auth, timeout=TIMEOUT_S)
        except httpx.HTTPError as away:
            raise Transient("The identity provider does not answer. Please try again.") from away


def _values(claims: Mapping[str, object], path: str) -> frozenset[str]:
    """Return the texts of a claim: one, or a list of them."""
    found: object = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return frozenset({found})
    return frozenset(str(value) for value in found) if isinstance(found, Sequence) else frozenset()


def _just_now(auth_time: object, now: datetime) -> bool:
    return isinstance(auth_time, int) and abs(now.timestamp() - auth_time) <= ATTEMPT_LASTS.total_seconds()
