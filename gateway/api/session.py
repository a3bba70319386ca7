"""Signing in and out: with a local account, or with the site's identity provider."""

from __future__ import annotations

import contextlib
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response, status
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from gateway.access import accounts
from gateway.access.accounts import REFUSED, OpenedSession, SignedIn
from gateway.access.oidc import ATTEMPT_LASTS, Attempt, IdentityProvider, NotAdmitted
from gateway.api.deps import ANYONE, SESSION_COOKIE, ApiState, SignedInPerson, State
from gateway.api.problems import problems
from gateway.api.schemas import Credentials, SessionInfo, SignInWays
from gateway.audit import trail
from gateway.audit.trail import AuditAction, AuditOutcome
from gateway.db.tables import User
from processing.domain.errors import Defect

router = APIRouter(prefix="/session", tags=["session"])

ATTEMPT_COOKIE = "interval_sign_in"
_ATTEMPT_PATH = "/api/session/provider"


@router.post("", operation_id="signIn", dependencies=[ANYONE], responses=problems(401, 422))
def sign_in(credentials: Credentials, state: State, response: Response) -> SessionInfo:
    """Sign in with a local account; sets the session cookie."""
    opened = accounts.log_in(
        state.sessions,
        credentials.user_name,
        credentials.password,
        passwords=state.passwords,
        lifetime=state.session_lifetime,
    )
    if opened is None:
        _note_refusal(state, credentials.user_name)
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, REFUSED)
    _note(state, AuditAction.SIGNED_IN, opened.who, "with a password")
    _set_cookie(response, state, opened)
    return _info(opened.who)


@router.get("", operation_id="currentSession", responses=problems(401))
def current_session(who: SignedInPerson) -> SessionInfo:
    """Who is signed in."""
    return _info(who)


@router.delete("", operation_id="signOut", status_code=status.HTTP_204_NO_CONTENT, responses=problems(401, 403))
def sign_out(who: SignedInPerson, state: State, request: Request, response: Response) -> None:
    """End the session, here and in the browser."""
    with state.sessions.begin() as session:
        accounts.log_out(session, request.cookies.get(SESSION_COOKIE, ""))
        trail.append(session, AuditAction.SIGNED_OUT, actor=who.user_name, role=who.role.value)
    response.delete_cookie(SESSION_COOKIE, path="/api", secure=state.secure_cookies, httponly=True, samesite="strict")


@router.get("/ways", operation_id="signInWays", dependencies=[ANYONE])
def sign_in_ways(state: State) -> SignInWays:
    """How one may sign in here."""
    return SignInWays(provider=state.provider_name if state.provider is not None else None)


@router.get("/provider", operation_id="beginAtProvider", dependencies=[ANYONE], responses=problems(404, 503))
def begin_at_provider(request: Request, state: State, return_to: str = "/", confirm: bool = False) -> RedirectResponse:
    """Send the browser to the identity provider; with `confirm`, to prove again who is signed in."""
    provider = _provider(state)
    here = return_to if return_to.startswith("/") and not return_to.startswith(("//", "/\\", "/api")) else "/"
    token = request.cookies.get(SESSION_COOKIE, "")
    confirming = accounts.digest_of(token) if confirm and token else ""
    address, attempt = provider.begin(here, confirming=confirming)
    response = RedirectResponse(address, status.HTTP_303_SEE_OTHER)
    response.set_cookie(
        ATTEMPT_COOKIE,
        state.services.seal.close(attempt.model_dump_json(), "sign-in"),
        max_age=int(ATTEMPT_LASTS.total_seconds()),
        path=_ATTEMPT_PATH,
        secure=state.secure_cookies,
        httponly=True,
        # The provider sends the browser back from another site; a strict cookie would stay behind.
        samesite="lax",
    )
    return response


@router.get("/provider/callback", operation_id="comeBackFromProvider", dependencies=[ANYONE], responses=problems(404))
def come_back_from_provider(
    request: Request,
    state: State,
    code: str = "",
    error: str = "",
    begun: Annotated[str, Query(alias="state")] = "",
) -> RedirectResponse:
    """Take the browser back from the identity provider and open the session."""
    provider = _provider(state)
    try:
        attempt = _attempt(state, request, begun)
        response = _opened(state, provider, attempt, "" if error else code)
    except NotAdmitted as refused:
        with state.sessions.begin() as session:
            outcome = AuditOutcome.REFUSED
            trail.append(session, AuditAction.SIGN_IN_REFUSED, actor="unknown", outcome=outcome, detail=refused.reason)
        response = RedirectResponse(f"/?{urlencode({'refused': refused.reason})}", status.HTTP_303_SEE_OTHER)
    response.delete_cookie(ATTEMPT_COOKIE, path=_ATTEMPT_PATH)
    return response


def _provider(state: ApiState) -> IdentityProvider:
    if state.provider is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "This site has no identity provider.")
    return state.provider


def _attempt(state: ApiState, request: Request, sent_state: str) -> Attempt:
    """Return what this browser began; another site can't make it finish what it did not begin."""
    attempt = None
    with contextlib.suppress(Defect, ValidationError, ValueError):
        sealed = request.cookies.get(ATTEMPT_COOKIE, "")
        attempt = Attempt.model_validate_json(state.services.seal.open(sealed, "sign-in")) if ":" in sealed else None
    if attempt is None or attempt.state != sent_state:
        raise NotAdmitted("This sign-in was not begun in this browser. Please begin again.")
    return attempt


def _opened(state: ApiState, provider: IdentityProvider, attempt: Attempt, code: str) -> RedirectResponse:
    if not code:
        raise NotAdmitted("The identity provider did not let you in.")
    person = provider.finish(attempt, code)
    response = RedirectResponse(attempt.return_to, status.HTTP_303_SEE_OTHER)
    if attempt.confirming:
        # The session's own cookie does not come along from another site; the attempt says which session it was.
        with state.sessions.begin() as session:
            accounts.note_confirmed(session, attempt.confirming, person)
        return response
    with state.sessions.begin() as session:
        opened = accounts.admit(session, person, lifetime=state.session_lifetime)
        trail.append(
            session,
            AuditAction.SIGNED_IN,
            actor=opened.who.user_name,
            role=opened.who.role.value,
            detail="with the identity provider",
        )
    _set_cookie(response, state, opened)
    return response


def _set_cookie(response: Response, state: ApiState, opened: OpenedSession) -> None:
    response.set_cookie(
        SESSION_COOKIE,
        opened.token,
        max_age=int(state.session_lifetime.total_seconds()),
        path="/api",
        secure=state.secure_cookies,
        httponly=True,
        samesite="strict",
    )


def _note(state: ApiState, action: AuditAction, who: SignedIn, detail: str) -> None:
    with state.sessions.begin() as session:
        trail.append(session, action, actor=who.user_name, role=who.role.value, detail=detail)


def _note_refusal(state: ApiState, user_name: str) -> None:
    with state.sessions.begin() as session:
        # What is no account's name may be a password in the wrong field.
        known = session.get(User, user_name) is not None
        actor = user_name if known else "unknown"
        trail.append(session, AuditAction.SIGN_IN_REFUSED, actor=actor, outcome=AuditOutcome.REFUSED)


def _info(who: SignedIn) -> SessionInfo:
    return SessionInfo(
        user_name=who.user_name,
        display_name=who.display_name,
        role=who.role,
        csrf_token=who.csrf_token,
        expires_at=who.expires_at,
        external=who.external,
        confirmed_until=who.confirmed_until,
    )
