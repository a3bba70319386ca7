"""How an image was made, as its header says: classic MR, enhanced MR (PS3.3 C.8.13) and CT alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from gateway.cases.names import plain

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.1"
LEGACY_CONVERTED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.4"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2.1"
LEGACY_CONVERTED_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2.2"
MR_IMAGES = frozenset({MR_IMAGE, ENHANCED_MR_IMAGE, LEGACY_CONVERTED_MR_IMAGE})
CT_IMAGES = frozenset({CT_IMAGE, ENHANCED_CT_IMAGE, LEGACY_CONVERTED_CT_IMAGE})

_NO_AGENT = frozenset({"", "NO", "NONE", "NO CONTRAST", "N", "OFF", "WITHOUT", "0", "NON", "KEIN", "OHNE", "NEIN"})
_PRIVATE_B_VALUES = (("SIEMENS MR HEADER", 0x0019, 0x0C), ("GEMS_PARM_01", 0x0043, 0x39), ("PHILIPS", 0x2001, 0x03))
"""Creator, group and element of the vendors' own b-values, from before Diffusion b-value (0018,9087)."""


@dataclass(frozen=True)
class Acquisition:
    """What the header says about how an image was made; times in milliseconds, none where it is silent."""

    sop_class_uid: str
    image_type: tuple[str, ...]
    scanning_sequence: frozenset[str]
    sequence_variant: frozenset[str]
    repetition_time_ms: float | None
    echo_time_ms: float | None
    inversion_times_ms: tuple[float, ...]
    flip_angle_deg: float | None
    contrast_agent: bool
    three_dimensional: bool
    angiography: bool
    diffusion_b_value: float
    acquisition_contrast: str
    """Of enhanced images: what the scanner itself calls the contrast (0008,9209)."""
    body_part: str
    name: str = field(repr=False)
    """Series description, protocol and sequence name, in plain letters."""

    @property
    def inverted(self) -> bool:
        """Whether an inversion pulse precedes the readout."""
        return "IR" in self.scanning_sequence or bool(self.inversion_times_ms)


def read_acquisition(header: Dataset) -> Acquisition:
    """Read the physics from a classic or an enhanced header.

    Parameters
    ----------
    header : Dataset
        One instance of the series, without pixels.
    """
    echo = _number(_first(header, "EffectiveEchoTime", "EchoTime"))
    sequence = _words(header.get("ScanningSequence")) | _enhanced_sequence(header)
    agent = str(_first(header, "ContrastBolusAgent") or "").strip().upper() not in _NO_AGENT
    name = " ".join(str(header.get(word) or "") for word in ("SeriesDescription", "ProtocolName", "SequenceName"))
    kinds = _first(header, "FrameType") if "SharedFunctionalGroupsSequence" in header else None
    return Acquisition(
        sop_class_uid=str(header.get("SOPClassUID", "")),
        image_type=tuple(str(value).strip().upper() for value in _values(header.get("ImageType") or kinds)),
        scanning_sequence=frozenset(sequence),
        sequence_variant=frozenset(_words(header.get("SequenceVariant")) | _enhanced_variant(header)),
        repetition_time_ms=_number(_first(header, "RepetitionTime")),
        echo_time_ms=echo,
        inversion_times_ms=_inversion_times(header),
        flip_angle_deg=_number(_first(header, "FlipAngle")),
        contrast_agent=agent or bool(header.get("ContrastBolusAgentSequence")),
        three_dimensional=str(header.get("MRAcquisitionType", "")).strip().upper() == "3D",
        angiography=str(header.get("AngioFlag", "N")).strip().upper() == "Y",
        diffusion_b_value=_b_value(header),
        acquisition_contrast=str(_first(header, "AcquisitionContrast") or "").strip().upper(),
        body_part=str(_first(header, "BodyPartExamined") or "").strip().upper(),
        name=plain(name),
    )


def _enhanced_sequence(header: Dataset) -> set[str]:
    """Translate the enhanced header's attributes into terms of Scanning Sequence."""
    pulse = str(_first(header, "EchoPulseSequence") or "").upper()
    terms = {"SPIN": {"SE"}, "GRADIENT": {"GR"}, "BOTH": {"SE", "GR"}}.get(pulse, set())
    if str(_first(header, "InversionRecovery") or "").upper() == "YES":
        terms |= {"IR"}
    if str(_first(header, "EchoPlanarPulseSequence") or "").upper() == "YES":
        terms |= {"EP"}
    return set(terms)


def _enhanced_variant(header: Dataset) -> set[str]:
    """Translate the enhanced header's attributes into terms of Sequence Variant."""
    terms = set()
    if str(_first(header, "MagnetizationTransfer") or "NONE").upper() not in ("NONE", ""):
        terms.add("MTC")
    if str(_first(header, "Spoiling") or "NONE").upper() not in ("NONE", ""):
        terms.add("SP")
    return terms


def _inversion_times(header: Dataset) -> tuple[float, ...]:
    value = _first(header, "InversionTimes", "InversionTime")
    times = (_number(one) for one in _values(value))
    return tuple(dict.fromkeys(time for time in times if time))


def _b_value(header: Dataset) -> float:
    """Return the b-value in s/mm2, 0 where none is given."""
    value = _number(_first(header, "DiffusionBValue"))
    if value is not None:
        return value
    for creator, group, element in _PRIVATE_B_VALUES:
        for number in range(0x10, 0x20):
            named = header.get((group, number))
            if named is None or not str(named.value).upper().startswith(creator):
                continue
            private = header.get((group, number << 8 | element))
            raw = private.value if private is not None else None
            found = _number(raw.decode("ascii", "replace").split("\\")[0] if isinstance(raw, bytes) else raw)
            # GE adds 10^9 to a b-value of a scan with several of them.
            return found % 1_000_000_000 if found is not None else 0.0
    return 0.0


def _first(header: Dataset, *keywords: str) -> object:
    """Return the first value under one of the keywords: at the top, else in the functional groups."""
    for dataset in _levels(header):
        for keyword in keywords:
            value = dataset.get(keyword)
            if value not in (None, ""):
                found: object = value
                return found
    return None


def _levels(header: Dataset) -> Iterator[Dataset]:
    yield header
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for groups in list(header.get(keyword) or [])[:1]:
            for element in groups:
                if element.VR == "SQ" and element.value:
                    yield element.value[0]
    yield from list(header.get("ContrastBolusAgentSequence") or [])[:1]


def _values(value: object) -> list[object]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, MultiValue | list | tuple) else [value]


def _words(value: object) -> set[str]:
    return {str(word).strip().upper() for word in _values(value)}


def _number(value: object) -> float | None:
    values = _values(value)
    try:
        return float(str(values[0])) if values else None
    except ValueError:
        return None
