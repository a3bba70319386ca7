"""Signing in, and who is signed in."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from gateway.access.roles import Role
from gateway.api.schemas.body import Body


class Credentials(Body):
    """Of a local account."""

    user_name: str = Field(max_length=64)
    password: str = Field(max_length=256)


class SessionInfo(Body):
    """Who is signed in. `csrf_token` goes into the header X-CSRF-Token of every changing request."""

    user_name: str
    display_name: str
    role: Role
    csrf_token: str
    expires_at: datetime
    external: bool
    """Whether an identity provider answers for the person, who then has no password here."""
    confirmed_until: datetime | None
    """How long such a person may sign results before the provider is asked again."""


class SignInWays(Body):
    """How one may sign in, beside a local account."""

    provider: str | None
    """What the identity provider is called; none when there is none."""
