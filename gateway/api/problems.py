"""Every error of the API is a `Problem`: one sentence, never internals."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from gateway.api.schemas import Problem
from gateway.review.decisions import UnknownLesion
from gateway.review.second_reader import ReviewRefused
from gateway.studies.conduct import StudyRefused
from processing.domain.case import IllegalTransition
from processing.domain.errors import Defect, InputRejected, Transient

_log = structlog.get_logger()

Responses = dict[int | str, dict[str, object]]


def problems(*codes: int) -> Responses:
    """Return the OpenAPI entries for the errors that a route can answer with."""
    sentences = {
        400: "The request is malformed.",
        401: "Nobody is signed in.",
        403: "The role or the CSRF token does not allow this.",
        404: "There is no such thing, or not yet.",
        408: "The request came too slowly.",
        409: "The present state does not allow this.",
        413: "The request is too large.",
        415: "The content type is not understood.",
        422: "The request does not follow the schema.",
        503: "Something that is needed is not available.",
    }
    return {code: {"model": Problem, "description": sentences[code]} for code in codes}


def add_problem_handlers(app: FastAPI) -> None:
    """Turn every exception that can leave a route into a `Problem`."""

    def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - for the type checker: registered for this class
        return _problem(error.status_code, str(error.detail), dict(error.headers or {}))

    def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        # Only where, not what: the value may be a password or a name.
        where = sorted({".".join(str(part) for part in entry["loc"]) for entry in error.errors()})
        return _problem(422, f"The request does not follow the schema at {', '.join(where)}.")

    def refused(_: Request, error: Exception) -> JSONResponse:
        return _problem(409, _reason(error))

    def unknown(_: Request, error: Exception) -> JSONResponse:
        return _problem(404, _reason(error))

    def rejected(_: Request, error: Exception) -> JSONResponse:
        return _problem(400, _reason(error))

    def unavailable(_: Request, error: Exception) -> JSONResponse:
        return _problem(503, _reason(error), {"Retry-After": "5"})

    def no_database(_: Request, __: Exception) -> JSONResponse:
        return _problem(
            503, "The database can't be reached; nothing is lost. Try again in a moment.", {"Retry-After": "5"}
        )

    def illegal(_: Request, __: Exception) -> JSONResponse:
        return _problem(409, "The case has moved on in the meantime; look at it again.")

    def internal(_: Request, error: Exception) -> JSONResponse:
        _log.error("request failed", error=type(error).__name__)
        return _problem(500, "Something went wrong inside Interval; an operator finds it in the log.")

    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ReviewRefused, refused)
    app.add_exception_handler(StudyRefused, refused)
    app.add_exception_handler(UnknownLesion, unknown)
    app.add_exception_handler(InputRejected, rejected)
    app.add_exception_handler(Transient, unavailable)
    app.add_exception_handler(OperationalError, no_database)
    app.add_exception_handler(PoolTimeout, no_database)
    app.add_exception_handler(IllegalTransition, illegal)
    app.add_exception_handler(Defect, internal)
    app.add_exception_handler(Exception, internal)


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "")) or "This is not possible."


def _problem(code: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(Problem(detail=sentence).model_dump(), status_code=code, headers=headers)
