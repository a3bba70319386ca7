"""Images by HTTP: uploads from the viewer, STOW-RS from modalities, and what could not be used."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.concurrency import run_in_threadpool

from gateway.access.accounts import SignedIn
from gateway.api.case_view import case_summary
from gateway.api.deps import ApiState, Modality, Operator, ReaderOrOperator, State
from gateway.api.operations import Discard
from gateway.api.problems import problems
from gateway.api.schemas import Quarantine, QuarantineLine, UploadResult
from gateway.audit import trail
from gateway.audit.trail import AuditAction
from gateway.db.tables import QuarantinedUpload
from gateway.intake.multipart import MalformedUpload, Part, PartTooLarge, boundary_of, read_parts
from gateway.intake.quarantine import kept_uploads
from gateway.intake.receive import Received
from gateway.jobs import store
from gateway.review.order import NEEDS_OPERATOR
from processing.domain.case import CaseState

router = APIRouter(tags=["intake"])

_FORM_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}
_STOW_BODY = {
    "requestBody": {
        "required": True,
        "content": {'multipart/related; type="application/dicom"': {"schema": {"type": "string", "format": "binary"}}},
    }
}
_NO_UPLOAD = "There is no such file in quarantine."
_CANNOT_UNDERSTAND = 0xC000
"""Failure reason of PS3.18 table 10.5.3-2 (PS3.4 table B.2-1)."""


@router.get("/quarantine", operation_id="getQuarantine", responses=problems(401, 403))
def get_quarantine(who: ReaderOrOperator, state: State) -> Quarantine:
    """Everything that waits for an operator's decision."""
    with state.read_sessions() as session:
        cases = [case for case in store.worklist(session) if CaseState(case.state) in NEEDS_OPERATOR]
        uploads = [_line(upload) for upload in kept_uploads(session)]
    state.disclosures.on_a_list(who, cases)
    return Quarantine(
        cases=[case_summary(case, state.identities_for(who)) for case in cases],
        uploads=uploads,
    )


@router.post(
    "/uploads",
    operation_id="uploadFiles",
    responses=problems(400, 401, 403, 413, 415, 503),
    openapi_extra=_FORM_BODY,
)
async def upload_files(who: Operator, request: Request, state: State) -> UploadResult:
    """Send DICOM files from the browser: good ones go to the clinical archive, others to quarantine with a reason."""
    accepted = 0
    quarantined: list[QuarantineLine] = []
    async for received in _received(request, state, "multipart/form-data", f"upload by {who.user_name}"):
        if received.kept is not None:
            quarantined.append(_line(received.kept))
        else:
            accepted += 1
    await run_in_threadpool(_note_upload, state, who, f"{accepted} taken, {len(quarantined)} put into quarantine")
    return UploadResult(accepted=accepted, quarantined=quarantined)


def _note_upload(state: ApiState, who: SignedIn, detail: str) -> None:
    with state.sessions.begin() as session:
        trail.append(session, AuditAction.FILES_UPLOADED, actor=who.user_name, role=who.role.value, detail=detail)


@router.post(
    "/quarantine/uploads/{upload_id}/retry",
    operation_id="retryUpload",
    responses=problems(401, 403, 404, 503),
)
def retry_upload(who: Operator, upload_id: int, state: State) -> UploadResult:
    """Send a quarantined file to the clinical archive once more; what is still wrong with it stays as its reason."""
    try:
        received = state.intake.take_again(upload_id)
    except KeyError as absent:
        raise HTTPException(status.HTTP_404_NOT_FOUND, _NO_UPLOAD) from absent
    outcome = "taken" if received.kept is None else "still in quarantine"
    _note_upload(state, who, f"quarantined upload {upload_id} tried again: {outcome}")
    still = [] if received.kept is None else [_line(received.kept)]
    return UploadResult(accepted=1 - len(still), quarantined=still)


@router.post(
    "/quarantine/uploads/{upload_id}/discard",
    operation_id="discardUpload",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403, 404),
)
def discard_upload(who: Operator, upload_id: int, discard: Discard, state: State) -> None:
    """Remove a quarantined file for good; who did it and why stays in the audit trail."""
    try:
        state.intake.discard(upload_id)
    except KeyError as absent:
        raise HTTPException(status.HTTP_404_NOT_FOUND, _NO_UPLOAD) from absent
    detail = f"quarantined upload {upload_id} discarded: {discard.reason}"
    with state.sessions.begin() as session:
        trail.append(session, AuditAction.OPERATED, actor=who.user_name, role=who.role.value, detail=detail)


@router.post(
    "/dicomweb/studies",
    operation_id="storeInstances",
    response_class=Response,
    responses=problems(400, 401, 403, 413, 415, 503)
    | {
        200: {"description": "Every instance was taken.", "content": {"application/dicom+json": {}}},
        202: {"description": "Some were taken.", "content": {"application/dicom+json": {}}},
        409: {"description": "None was taken.", "content": {"application/dicom+json": {}}},
    },
    openapi_extra=_STOW_BODY,
)
async def store_instances(who: Modality, request: Request, state: State) -> Response:
    """Store instances (STOW-RS, PS3.18 section 10.5); what can't be used is kept in quarantine with a reason."""
    taken: list[dict[str, object]] = []
    failed = 0
    async for received in _received(request, state, "multipart/related", f"STOW-RS by {who.user_name}"):
        if received.taken is None:
            failed += 1
        else:
            instance = received.taken
            taken.append(_element_set({"00081150": instance.sop_class_uid, "00081155": instance.sop_instance_uid}))
    answer: dict[str, object] = {}
    if taken:
        answer["00081199"] = {"vr": "SQ", "Value": taken}
    if failed:
        # Which instances they are is unknown by nature: that is what Other Failures Sequence is for.
        failure = {"00081197": {"vr": "US", "Value": [_CANNOT_UNDERSTAND]}}
        answer["0008119A"] = {"vr": "SQ", "Value": [failure] * failed}
    code = status.HTTP_200_OK
    if failed:
        code = status.HTTP_202_ACCEPTED if taken else status.HTTP_409_CONFLICT
    return Response(json.dumps(answer), status_code=code, media_type="application/dicom+json")


async def _received(request: Request, state: State, kind: str, source: str) -> AsyncIterator[Received]:
    """Take every part of the request as it comes in."""
    is_form = kind == "multipart/form-data"
    try:
        boundary = boundary_of(request.headers.get("Content-Type"), kind)
    except MalformedUpload as malformed:
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, malformed.reason) from malformed
    try:
        async for part in read_parts(request.stream(), boundary):
            if not is_form or part.is_file:
                yield await run_in_threadpool(_take, state, part, source)
    except PartTooLarge as too_large:
        raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, too_large.reason) from too_large


def _take(state: State, part: Part, source: str) -> Received:
    return state.intake.take(part.content, source=source)


def _element_set(uids: dict[str, str]) -> dict[str, object]:
    return {tag: {"vr": "UI", "Value": [uid]} for tag, uid in uids.items()}


def _line(upload: QuarantinedUpload) -> QuarantineLine:
    return QuarantineLine(
        upload_id=upload.upload_id,
        at=upload.at,
        source=upload.source,
        size_bytes=upload.size_bytes,
        reason=upload.reason,
    )
