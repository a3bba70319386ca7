"""Entries of the trail as DICOM audit messages (PS3.15 A.5.1), as an audit record repository takes them.

The schema is that of RFC 3881 as PS3.15 profiles it. Patients are named by their pseudonyms: whoever may know who
they are asks the gateway.
"""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from gateway.audit.trail import AuditAction, AuditOutcome
from gateway.db.tables import AuditEntry
from processing.dicom.provenance import MANUFACTURER


@dataclass(frozen=True)
class _Kind:
    """How PS3.15 A.5.3 and PS3.16 CID 400 and 401 name an action: event id, C/R/U/D/E, and type where there is one."""

    event: tuple[str, str]
    action: str
    event_type: tuple[str, str] | None = None


_AUTHENTICATION = ("110114", "User Authentication")
_RECORD = ("110110", "Patient Record")
_ACCESSED = ("110103", "DICOM Instances Accessed")
_ALERT = ("110113", "Security Alert")
_IMPORT = ("110107", "Import")
_EXPORT = ("110106", "Export")
_LOG_USED = ("110101", "Audit Log Used")

_KINDS = {
    AuditAction.SIGNED_IN: _Kind(_AUTHENTICATION, "E", ("110122", "Login")),
    AuditAction.SIGN_IN_REFUSED: _Kind(_AUTHENTICATION, "E", ("110122", "Login")),
    AuditAction.SIGNED_OUT: _Kind(_AUTHENTICATION, "E", ("110123", "Logout")),
    AuditAction.IDENTITY_SHOWN: _Kind(_RECORD, "R"),
    AuditAction.IMAGES_SHOWN: _Kind(_ACCESSED, "R"),
    AuditAction.DECIDED: _Kind(_RECORD, "U"),
    AuditAction.ASSESSED: _Kind(_RECORD, "U"),
    AuditAction.OUTLINE_CHANGED: _Kind(_RECORD, "U"),
    AuditAction.REPORT_EDITED: _Kind(_RECORD, "U"),
    AuditAction.READ_BLIND: _Kind(_RECORD, "U"),
    AuditAction.SIGNED: _Kind(_RECORD, "U"),
    AuditAction.SENT_TO_SECOND_READER: _Kind(_RECORD, "U"),
    AuditAction.REOPENED: _Kind(_RECORD, "U"),
    AuditAction.RETRIED: _Kind(_RECORD, "E"),
    AuditAction.PATIENT_CORRECTED: _Kind(_RECORD, "U"),
    AuditAction.FILES_UPLOADED: _Kind(_IMPORT, "C"),
    AuditAction.OPERATED: _Kind(_ALERT, "E", ("110131", "Software Configuration")),
    AuditAction.STUDY_CHANGED: _Kind(_RECORD, "U"),
    AuditAction.READING_SIGNED: _Kind(_RECORD, "U"),
    AuditAction.EXPORTED: _Kind(_EXPORT, "R"),
    AuditAction.TRAIL_READ: _Kind(_LOG_USED, "R"),
}

_OUTCOMES = {AuditOutcome.SUCCESS: "0", AuditOutcome.REFUSED: "4"}
"""Success, and minor failure (RFC 3881 5.1.4)."""


def audit_message(entry: AuditEntry) -> Element:
    """Return one entry as an AuditMessage element."""
    kind = _KINDS[AuditAction(entry.action)]
    message = Element("AuditMessage")
    event = SubElement(
        message,
        "EventIdentification",
        EventActionCode=kind.action,
        EventDateTime=entry.at.isoformat(timespec="milliseconds"),
        EventOutcomeIndicator=_OUTCOMES[AuditOutcome(entry.outcome)],
    )
    _code(event, "EventID", *kind.event)
    if kind.event_type is not None:
        _code(event, "EventTypeCode", *kind.event_type)
    _code(event, "EventTypeCode", entry.action, entry.action, "99INTERVAL")
    person = SubElement(message, "ActiveParticipant", UserID=entry.actor, UserIsRequestor="true")
    if entry.role:
        _code(person, "RoleIDCode", entry.role, entry.role, "99INTERVAL")
    gateway = SubElement(message, "ActiveParticipant", UserID=f"{MANUFACTURER} gateway", UserIsRequestor="false")
    _code(gateway, "RoleIDCode", "110150", "Application")
    source = SubElement(message, "AuditSourceIdentification", AuditSourceID=f"{MANUFACTURER}@{socket.gethostname()}")
    _code(source, "AuditSourceTypeCode", "4", "Application Server", "")
    for pseudonym in entry.pseudonyms:
        _participant(message, pseudonym, kind="1", role="1", id_type=("2", "Patient Number", "RFC-3881"))
    if entry.case_id is not None:
        study = _participant(message, entry.case_id, kind="2", role="3", id_type=("case", "Case", "99INTERVAL"))
        _detail(study, "sequence", str(entry.sequence))
        _detail(study, "detail", entry.detail)
    else:
        log = _participant(message, f"entry {entry.sequence}", kind="2", role="13", id_type=("12", "URI", "RFC-3881"))
        _detail(log, "detail", entry.detail)
    return message


def audit_messages(entries: Iterable[AuditEntry]) -> Iterator[bytes]:
    """Yield an XML document with one AuditMessage per line, piece by piece."""
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<AuditMessages>\n'
    for entry in entries:
        yield tostring(audit_message(entry), encoding="utf-8") + b"\n"
    yield b"</AuditMessages>\n"


def _participant(message: Element, identifier: str, *, kind: str, role: str, id_type: tuple[str, str, str]) -> Element:
    part = SubElement(
        message,
        "ParticipantObjectIdentification",
        ParticipantObjectID=identifier,
        ParticipantObjectTypeCode=kind,
        ParticipantObjectTypeCodeRole=role,
    )
    _code(part, "ParticipantObjectIDTypeCode", *id_type)
    SubElement(part, "ParticipantObjectName").text = identifier
    return part


def _detail(part: Element, name: str, value: str) -> None:
    """Add a detail; its value is base64 by RFC 3881."""
    if value:
        encoded = base64.b64encode(value.encode()).decode()
        SubElement(part, "ParticipantObjectDetail", type=name, value=encoded)


def _code(parent: Element, name: str, value: str, meaning: str, scheme: str = "DCM") -> None:
    attributes = {"csd-code": value, "originalText": meaning}
    if scheme:
        attributes["codeSystemName"] = scheme
    SubElement(parent, name, attributes)
