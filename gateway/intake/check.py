"""Whether a file is a DICOM object that the clinical archive can safely be given.

Only what every later step needs is looked at. Geometry, pixel length and whether a pipeline can use the object are
judged later, on the whole study.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from processing.dicom.unreadable import UNREADABLE
from processing.domain.errors import InputRejected

DEEPEST_NESTING = 16
"""Sequences within sequences. Real objects stay below 10; an archive has been seen to crash at 50."""

_PREAMBLE_BYTES = 128
_MAGIC = b"DICM"
_UID = re.compile(r"(?=.{1,64}$)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")


@dataclass(frozen=True)
class CheckedInstance:
    """What a store response says about an object that was taken."""

    sop_class_uid: str
    sop_instance_uid: str


def check_instance(content: bytes) -> CheckedInstance:
    """Check one file.

    Parameters
    ----------
    content : bytes
        A whole file of DICOM PS3.10.

    Raises
    ------
    InputRejected
        With the reason why the archive must not get it.
    """
    if not content:
        raise InputRejected("The file is empty.")
    if content[_PREAMBLE_BYTES : _PREAMBLE_BYTES + len(_MAGIC)] != _MAGIC:
        raise InputRejected("This is no DICOM file.")
    with warnings.catch_warnings():
        # Values that break a rule are no reason here.
        warnings.simplefilter("ignore")
        try:
            if _transfer_syntax(content) == DeflatedExplicitVRLittleEndian:
                raise InputRejected("The object is deflated as a whole, which is not taken: its size can't be told.")
            dataset = dcmread(BytesIO(content), stop_before_pixels=True)
            _check_nesting(dataset, 0)
            identity = {keyword: str(dataset.get(keyword) or "").strip() for keyword in _REQUIRED}
        except UNREADABLE as error:
            raise InputRejected("The file begins like DICOM but can't be parsed.") from error
    for keyword, words in _REQUIRED.items():
        if not identity[keyword]:
            raise InputRejected(f"The object has no {words}.")
        if keyword.endswith("UID") and not _UID.fullmatch(identity[keyword]):
            raise InputRejected(f"The object's {words} is malformed.")
    return CheckedInstance(identity["SOPClassUID"], identity["SOPInstanceUID"])


_REQUIRED = {
    "SOPClassUID": "SOP class UID",
    "SOPInstanceUID": "SOP instance UID",
    "StudyInstanceUID": "study instance UID",
    "SeriesInstanceUID": "series instance UID",
    "PatientID": "patient ID",
}


def _transfer_syntax(content: bytes) -> str:
    """Return the transfer syntax from the file meta information alone, before anything is inflated."""

    def after_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        return tag.group != 2

    meta = read_dataset(BytesIO(content[_PREAMBLE_BYTES + len(_MAGIC) :]), False, True, stop_when=after_meta)
    return str(meta.get("TransferSyntaxUID", ""))


def _check_nesting(dataset: Dataset, depth: int) -> None:
    if depth > DEEPEST_NESTING:
        raise InputRejected("The object's sequences are nested too deeply.")
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _check_nesting(item, depth + 1)
