"""Local accounts and who is signed in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from gateway.db.tables.base import Base


class User(Base):
    """A local account."""

    __tablename__ = "users"

    user_name: Mapped[str] = mapped_column(String(64), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(128))
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(256))
    failed_logins: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None]
    subject: Mapped[str | None] = mapped_column(String(255), unique=True, index=True)
    """Of an account that an identity provider answers for: its issuer and subject. It has no password here."""


class LoginSession(Base):
    """A signed-in browser; the cookie holds the token, the table only its hash."""

    __tablename__ = "login_sessions"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_name: Mapped[str] = mapped_column(ForeignKey("users.user_name"))
    csrf_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    """When it was last used, to the minute; none of a session from before this was kept."""
    confirmed_at: Mapped[datetime | None]
    """When an identity provider last asked the person for their password."""
