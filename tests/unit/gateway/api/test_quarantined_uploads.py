"""What an operator does with a file that could not be used, and what the audit trail keeps of it."""

from __future__ import annotations

from sqlalchemy import select

from gateway.api.operations import Discard
from gateway.api.schemas import Quarantine, UploadResult
from gateway.audit.trail import AuditAction
from gateway.db.tables import AuditEntry
from gateway.flow import Services
from gateway.intake.quarantine import QuarantineCipher, keep
from tests.unit.gateway.api.conftest import Browser

REASON = "sent by mistake"


def a_kept_file(services: Services) -> int:
    settings = services.settings
    cipher = QuarantineCipher(settings.pseudonym_key, settings.pseudonym_key_id)
    with services.sessions.begin() as session:
        kept = keep(session, b"no image", source="upload by otto", reason="What was wrong.", cipher=cipher)
        session.flush()
        return kept.upload_id


def audited(services: Services, action: AuditAction) -> list[str]:
    with services.sessions() as session:
        return list(session.scalars(select(AuditEntry.detail).where(AuditEntry.action == action.value)))


def test_a_file_that_is_tried_again_in_vain_stays_with_what_is_wrong_now(operator: Browser, services: Services) -> None:
    upload_id = a_kept_file(services)
    answer = operator.post(f"/api/quarantine/uploads/{upload_id}/retry")
    result = UploadResult.model_validate(answer.json())
    assert (result.accepted, [line.reason for line in result.quarantined]) == (0, ["This is no DICOM file."])
    (detail,) = audited(services, AuditAction.FILES_UPLOADED)
    assert detail == f"quarantined upload {upload_id} tried again: still in quarantine"


def test_a_file_is_discarded_with_a_reason_that_stays(operator: Browser, services: Services) -> None:
    upload_id = a_kept_file(services)
    path = f"/api/quarantine/uploads/{upload_id}/discard"
    assert operator.post(path).status_code == 422, "without a reason"
    assert operator.post(path, Discard(reason=REASON)).status_code == 204
    assert Quarantine.model_validate(operator.get("/api/quarantine").json()).uploads == []
    assert audited(services, AuditAction.OPERATED) == [f"quarantined upload {upload_id} discarded: {REASON}"]
    assert operator.post(path, Discard(reason=REASON)).status_code == 404
    assert operator.post(f"/api/quarantine/uploads/{upload_id}/retry").status_code == 404
