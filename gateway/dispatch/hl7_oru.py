"""A target that is told about signed results by HL7 v2: ORU^R01 over MLLP, to the RIS or an integration engine.

The message says whose study was read and how many findings were signed; the objects themselves go to PACS. It is sent
again until it is acknowledged, always with the same control id, so that a receiver knows it again.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime

import hl7
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage, KeyObjectSelectionDocumentStorage

from gateway.association import PacsNode
from gateway.dispatch.target import Acknowledged
from processing.domain.errors import InputRejected, Transient

ACKNOWLEDGED = "HL7 acknowledgement"
_START, _END = b"\x0b", b"\x1c\x0d"
_CONNECT_WITHIN_S = 5.0
_ANSWER_WITHIN_S = 30.0
_LONGEST_ANSWER_BYTES = 64 * 1024
_NUMBER_OF_LESIONS = "246206008"
_SERVICE = "INTERVAL^Longitudinal brain MR^L"
_ESCAPES = {
    "\\": "\\E\\",
    "|": "\\F\\",
    "^": "\\S\\",
    "&": "\\T\\",
    "~": "\\R\\",
    "\r": "\\X0D\\",
    "\n": "\\X0A\\",
}
_TOLD_BY = (Comprehensive3DSRStorage, KeyObjectSelectionDocumentStorage)
"""Of all objects the one that stands for the result: its report, or the note that there is none."""


class OruTarget:
    """Tells about a result by one message, and takes its acknowledgement for all objects of the result.

    Parameters
    ----------
    name : str
    node : PacsNode
        Host and port of the receiver; `aet` is the receiving application (MSH-5), `own_aet` the sending one (MSH-3).
    """

    proof = ACKNOWLEDGED

    def __init__(self, name: str, node: PacsNode) -> None:
        self._name = name
        self._node = node
        self._acknowledged: set[str] = set()

    @property
    def name(self) -> str:
        """The site's name of the target."""
        return self._name

    def send(self, datasets: Sequence[Dataset], acknowledged: Acknowledged) -> frozenset[str]:
        """Send the message of a result; see `Target.send`."""
        told_by = [one for kind in _TOLD_BY for one in datasets if kind == one.SOPClassUID]
        if told_by:
            # Beside what stands for the result, only the withdrawal of an earlier one is of these kinds.
            answer = self._exchange(oru_message(told_by[0], self._node, corrects=len(told_by) > 1))
            _require_accepted(answer, str(told_by[0].SOPInstanceUID))
        for dataset in datasets:
            self._acknowledged.add(str(dataset.SOPInstanceUID))
            acknowledged(str(dataset.SOPInstanceUID))
        return frozenset()

    def confirm(self, datasets: Sequence[Dataset]) -> frozenset[str]:
        """Return what was acknowledged since it was sent; nobody can be asked what they were told before."""
        wanted = {str(dataset.SOPInstanceUID) for dataset in datasets}
        known = frozenset(wanted & self._acknowledged)
        self._acknowledged -= known
        return known

    def request_commitment(self, _transaction_uid: str, _datasets: Sequence[Dataset]) -> bool:
        """Return False: the acknowledgement is all that there is."""
        return False

    def echo(self) -> None:
        """Verify that somebody listens."""
        self._connect().close()

    def _connect(self) -> socket.socket:
        try:
            connection = socket.create_connection((self._node.host, self._node.port), timeout=_CONNECT_WITHIN_S)
            if self._node.tls is not None:
                connection = self._node.tls.wrap_socket(connection, server_hostname=self._node.host)
        except ssl.SSLError as error:
            raise Transient("The receiver of HL7 messages is not believed over TLS.") from error
        except OSError as error:
            raise Transient("The receiver of HL7 messages can't be reached.") from error
        return connection

    def _exchange(self, message: str) -> str:
        with self._connect() as connection:
            connection.settimeout(_ANSWER_WITHIN_S)
            try:
                connection.sendall(_START + message.encode() + _END)
                answer = b""
                while not answer.endswith(_END):
                    part = connection.recv(4096)
                    if not part or len(answer) > _LONGEST_ANSWER_BYTES:
                        raise Transient("The receiver of HL7 messages did not acknowledge.")
                    answer += part
            except OSError as error:
                raise Transient("The receiver of HL7 messages did not acknowledge.") from error
        return answer.removeprefix(_START).removesuffix(_END).decode("utf-8", "replace")


def oru_message(report: Dataset, node: PacsNode, *, corrects: bool = False) -> str:
    """Return ORU^R01 of version 2.5.1 about a signed report or a rejection note.

    Parameters
    ----------
    report : Dataset
        With the patient's own identity.
    node : PacsNode
        Names sender and receiver.
    corrects : bool
        Whether it replaces a result that was told before; a report that names its predecessor does in any case.
    """
    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
    name = report.PatientName
    lesions = _number_of_lesions(report)
    accepted = report.SOPClassUID == Comprehensive3DSRStorage
    status = "C" if corrects or "PredecessorDocumentsSequence" in report else "F"
    patient = f"{_escaped(report.get('PatientID'))}^^^{_escaped(report.get('IssuerOfPatientID'))}"
    control_id = _control_id(str(report.SOPInstanceUID))
    header = (
        "MSH",
        "^~\\&",
        _escaped(node.own_aet),
        "",
        _escaped(node.aet),
        "",
        now,
        "",
        "ORU^R01^ORU_R01",
        control_id,
    )
    person = (f"{_escaped(name.family_name)}^{_escaped(name.given_name)}", "", _escaped(report.get("PatientBirthDate")))
    segments: list[tuple[str, ...]] = [
        (*header, "P", "2.5.1", "", "", "AL", "NE", "", "UNICODE UTF-8"),
        ("PID", "1", "", patient, "", *person, _escaped(report.get("PatientSex")) or "U"),
        ("OBR", "1", "", _escaped(report.get("AccessionNumber")), _SERVICE, *("",) * 17, now, "", "", status),
    ]
    observations = [
        ("ST", "110180^Study Instance UID^DCM", str(report.StudyInstanceUID)),
        ("ST", "113014^Result object^L", str(report.SOPInstanceUID)),
        ("TX", "RESULT^Result^L", _sentence(accepted=accepted)),
        *([("NM", f"{_NUMBER_OF_LESIONS}^Number of lesions^SCT", str(lesions))] if lesions is not None else []),
    ]
    segments += [
        ("OBX", str(number), kind, code, "", value, "", "", "", "", "", status)
        for number, (kind, code, value) in enumerate(observations, start=1)
    ]
    return "".join("|".join(segment) + "\r" for segment in segments)


def _sentence(*, accepted: bool) -> str:
    if accepted:
        return "A reader signed findings of Interval; they go to the PACS. Research use, not a medical device."
    return "A reader rejected the result of Interval; a note goes to the PACS. Research use, not a medical device."


def _number_of_lesions(item: Dataset) -> int | None:
    for child in item.get("ContentSequence", ()):
        names = child.get("ConceptNameCodeSequence")
        if names and names[0].CodeValue == _NUMBER_OF_LESIONS:
            return int(child.MeasuredValueSequence[0].NumericValue)
        found = _number_of_lesions(child)
        if found is not None:
            return found
    return None


def _control_id(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()[:20]


def _escaped(value: object) -> str:
    """Return text with HL7's delimiters escaped (HL7 v2.5.1, 2.7)."""
    return "".join(_ESCAPES.get(letter, letter) for letter in str(value or ""))


def _require_accepted(answer: str, uid: str) -> None:
    """Look at MSA (HL7 v2.5.1, 2.9.2): errors of the message are a person's business, rejections are tried again."""
    try:
        acknowledgement = hl7.parse(answer).segment("MSA")
        code, about = str(acknowledgement(1)), str(acknowledgement(2))
    except (hl7.HL7Exception, KeyError, IndexError, ValueError) as error:
        raise Transient("The receiver of HL7 messages answered something else.") from error
    if about != _control_id(uid):
        raise Transient("The receiver of HL7 messages acknowledged another message.")
    if code in ("AE", "CE"):
        raise InputRejected("The receiver of HL7 messages reports an error in the message.")
    if code not in ("AA", "CA"):
        raise Transient("The receiver of HL7 messages rejects the message for now.")
