"""What every route depends on: the services, who is asking, and whether that role may ask.

Each route declares its callers with exactly one `Allow` (or `ANYONE`, `MODALITY`); a test walks all routes and
fails for one that declares none.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Annotated, cast

from fastapi import Depends, HTTPException, Request, status
from sqlalchemy.orm import Session, sessionmaker

from gateway.access.accounts import SignedIn, note_use, session_of
from gateway.access.basic import BasicAuthentication
from gateway.access.oidc import IdentityProvider
from gateway.access.passwords import Passwords
from gateway.access.roles import WORKS_WITH_CASES, Role
from gateway.api.disclosure import Disclosures
from gateway.api.identities import Identities, WithoutNames
from gateway.flow import Services
from gateway.intake.receive import Intake
from gateway.review.images import ReviewImages

SESSION_COOKIE = "interval_session"
CSRF_HEADER = "X-CSRF-Token"
ACTIVE_HEADER = "X-Person-Active"
"""The page sends it with what it asks for by itself while somebody moves mouse or keys."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class ApiState:
    """What the API keeps for the life of the process.

    Parameters
    ----------
    services : Services
        The gateway's composition.
    read_sessions : sessionmaker
        For requests that only read: they never wait for a writer.
    passwords : Passwords
    basic : BasicAuthentication
        For modalities that send by STOW-RS.
    images : ReviewImages
        The volumes that the viewer shows.
    intake : Intake
        Takes files that come by HTTP.
    session_lifetime : timedelta
    secure_cookies : bool
        Off only on loopback without TLS.
    session_idle : timedelta or None
        After so long without a person's doing a session ends.
    provider : IdentityProvider or None
    provider_name : str
        As the sign-in page calls it.
    sees_identity : frozenset of Role
        Who is shown patients' names.
    """

    services: Services
    read_sessions: sessionmaker[Session]
    passwords: Passwords
    basic: BasicAuthentication
    images: ReviewImages
    intake: Intake
    session_lifetime: timedelta
    secure_cookies: bool
    session_idle: timedelta | None = None
    provider: IdentityProvider | None = None
    provider_name: str = ""
    sees_identity: frozenset[Role] = frozenset({Role.READER, Role.TECHNOLOGIST})

    @cached_property
    def disclosures(self) -> Disclosures:
        """Which patients each session has been shown."""
        return Disclosures(self.services.sessions, self.sees_identity)

    @cached_property
    def identities(self) -> Identities:
        """Who the cases' patients are."""
        return Identities(self.services.vault, self.read_sessions)

    def identities_for(self, who: SignedIn) -> Identities | WithoutNames:
        """Who the cases' patients are, as far as this person is shown that."""
        return self.identities if who.role in self.sees_identity else WithoutNames(self.identities)

    @property
    def sessions(self) -> sessionmaker[Session]:
        """For requests that write."""
        return self.services.sessions


def api_state(request: Request) -> ApiState:
    """Return the process's state, made when the application started."""
    return cast(ApiState, request.app.state.api)


State = Annotated[ApiState, Depends(api_state)]


class Allow:
    """Lets callers with one of the roles pass, by the session cookie.

    A changing request must also carry the session's CSRF token: the browser adds the cookie by itself, also to a
    request that another site made it send.

    Parameters
    ----------
    *roles : Role
        At least one.
    """

    def __init__(self, *roles: Role) -> None:
        if not roles:
            raise ValueError("a route is allowed to at least one role")
        self.roles = frozenset(roles)

    def __call__(self, request: Request, state: State) -> SignedIn:
        """Return who is asking, or refuse with 401 or 403."""
        token = request.cookies.get(SESSION_COOKIE, "")
        with state.read_sessions() as session:
            who = session_of(session, token, idle=state.session_idle) if token else None
        if who is None:
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Sign in first.")
        if request.method not in _SAFE_METHODS:
            sent = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(sent.encode(), who.csrf_token.encode()):
                raise HTTPException(status.HTTP_403_FORBIDDEN, f"The header {CSRF_HEADER} is missing or wrong.")
        if who.role not in self.roles:
            allowed = " or ".join(sorted(role.value for role in self.roles))
            raise HTTPException(status.HTTP_403_FORBIDDEN, f"Only a {allowed} may do this.")
        if request.method not in _SAFE_METHODS or ACTIVE_HEADER in request.headers:
            note_use(state.sessions, token)
        return who


class AllowModality(Allow):
    """Lets machines pass that send an operator account's name and password by HTTP basic authentication."""

    def __init__(self) -> None:
        super().__init__(Role.OPERATOR)

    def __call__(self, request: Request, state: State) -> SignedIn:
        """Return which account is sending, or refuse with 401 or 403."""
        who = state.basic.check(request.headers.get("Authorization"))
        if who is None:
            challenge = {"WWW-Authenticate": 'Basic realm="Interval", charset="UTF-8"'}
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Send an operator account's credentials.", challenge)
        if who.role not in self.roles:
            raise HTTPException(status.HTTP_403_FORBIDDEN, "Only an operator account may send images.")
        return who


class AllowAnyone:
    """Marks a route that answers without a session."""

    def __call__(self) -> None:
        """Let everybody pass."""


Reader = Annotated[SignedIn, Depends(Allow(Role.READER))]
Technologist = Annotated[SignedIn, Depends(Allow(Role.TECHNOLOGIST))]
Operator = Annotated[SignedIn, Depends(Allow(Role.OPERATOR))]
Auditor = Annotated[SignedIn, Depends(Allow(Role.AUDITOR))]
ReaderOrOperator = Annotated[SignedIn, Depends(Allow(Role.READER, Role.OPERATOR))]
Staff = Annotated[SignedIn, Depends(Allow(*WORKS_WITH_CASES))]
"""Everybody who works with cases."""
SignedInPerson = Annotated[SignedIn, Depends(Allow(*Role))]
Modality = Annotated[SignedIn, Depends(AllowModality())]
ANYONE = Depends(AllowAnyone())
