"""Signing in and out."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request, Response, status

from gateway.access import accounts
from gateway.access.accounts import REFUSED, SignedIn
from gateway.api.deps import ANYONE, SESSION_COOKIE, SignedInPerson, State
from gateway.api.problems import problems
from gateway.api.schemas import Credentials, SessionInfo

router = APIRouter(prefix="/session", tags=["session"])


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
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, REFUSED)
    response.set_cookie(
        SESSION_COOKIE,
        opened.token,
        max_age=int(state.session_lifetime.total_seconds()),
        path="/api",
        secure=state.secure_cookies,
        httponly=True,
        samesite="strict",
    )
    return _info(opened.who)


@router.get("", operation_id="currentSession", responses=problems(401))
def current_session(who: SignedInPerson) -> SessionInfo:
    """Who is signed in."""
    return _info(who)


@router.delete("", operation_id="signOut", status_code=status.HTTP_204_NO_CONTENT, responses=problems(401, 403))
def sign_out(_: SignedInPerson, state: State, request: Request, response: Response) -> None:
    """End the session, here and in the browser."""
    with state.sessions.begin() as session:
        accounts.log_out(session, request.cookies.get(SESSION_COOKIE, ""))
    response.delete_cookie(SESSION_COOKIE, path="/api", secure=state.secure_cookies, httponly=True, samesite="strict")


def _info(who: SignedIn) -> SessionInfo:
    return SessionInfo(
        user_name=who.user_name,
        display_name=who.display_name,
        role=who.role,
        csrf_token=who.csrf_token,
        expires_at=who.expires_at,
    )
