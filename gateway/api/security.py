"""Headers that keep a browser from doing what the viewer never needs, and a bound on what a request may bring."""

from __future__ import annotations

import asyncio

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data: blob:",
        # Places on pictures are set by style attributes; style elements stay forbidden.
        "style-src 'self'",
        "style-src-attr 'unsafe-inline'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_HEADERS = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)

MOST_JSON_BYTES = 192 * 1024
"""Of a request that is no upload: room for a report of 12,000 characters, each of them escaped in JSON."""

BODY_WITHIN_S = 30.0
"""So long the body of a request that is no upload may take."""

UPLOAD_SILENT_S = 60.0
"""So long an upload may send nothing."""

UPLOAD_PATHS = frozenset({"/api/uploads", "/api/dicomweb/studies"})
"""Routes that bound their bodies themselves, part by part."""


class SecurityHeaders:
    """Puts the headers on every answer; answers of the API are also never kept by a browser."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS:
                    headers[name] = value
                if self._https:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
                if scope["path"].startswith("/api/"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, with_headers)


class TooSlow(Exception):
    """A body did not come in time."""


class BodyLimit:
    """Refuses a body that is larger than any request of the API needs, or that comes too slowly.

    Whoever holds a connection for nothing loses it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            if scope["path"] in UPLOAD_PATHS:
                await self._app(scope, _never_silent(receive), send)
                return
            first = await _whole_body(receive)
        except TooSlow:
            await JSONResponse({"detail": "The request came too slowly."}, status_code=408)(scope, receive, send)
            return
        if first is None:
            await JSONResponse({"detail": "The request is too large."}, status_code=413)(scope, receive, send)
            return
        pending = [first]

        async def replayed() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, replayed, send)


def _never_silent(receive: Receive) -> Receive:
    """Return a `receive` that raises TooSlow when nothing comes for too long."""

    async def watched() -> Message:
        try:
            async with asyncio.timeout(UPLOAD_SILENT_S):
                return await receive()
        except TimeoutError as silent:
            raise TooSlow from silent

    return watched


async def _whole_body(receive: Receive) -> Message | None:
    """Return the body as one message, or None when it is too large; raises TooSlow."""
    body = b""
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > MOST_JSON_BYTES:
                    return None
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return {"type": message["type"], "body": body, "more_body": False}
    except TimeoutError as slow:
        raise TooSlow from slow
