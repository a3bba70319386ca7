"""Which contrast an MR image has, from the physics of its acquisition.

What decides are Scanning Sequence, Sequence Variant, Repetition, Echo and Inversion Time, Flip Angle, Image Type and
Contrast/Bolus Agent (PS3.3 C.8.3.1, for enhanced images C.8.13). Names that sites give to their series decide only
where physics can't: two sequences that differ in nothing that the header holds, or a header that lacks the inversion
time. The limits are those of clinical brain imaging at 1 to 7 T.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from processing.domain.study import SeriesRole

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.1"
LEGACY_CONVERTED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.4"
MR_IMAGES = frozenset({MR_IMAGE, ENHANCED_MR_IMAGE, LEGACY_CONVERTED_MR_IMAGE})

_NOT_ANATOMY = {
    "LOCALIZER": "a localizer",
    "SCOUT": "a localizer",
    "MPR": "reformatted",
    "CSA MPR": "reformatted",
    "REFORMATTED": "reformatted",
    "RESAMPLED": "reformatted",
    "CURVED MPR": "reformatted",
    "PROJECTION IMAGE": "a projection",
    "MIP": "a projection",
    "MIN IP": "a projection",
    "MNIP": "a projection",
    "MINIP": "a projection",
    "SUBTRACTION": "a subtraction",
    "ADC": "a diffusion map",
    "DIFFUSION": "diffusion-weighted",
    "TRACEW": "diffusion-weighted",
    "FA": "a diffusion map",
    "PHASE MAP": "a phase image",
    "PHASE": "a phase image",
    "P": "a phase image",
    "REAL": "a part of a complex image",
    "R": "a part of a complex image",
    "IMAGINARY": "a part of a complex image",
    "I": "a part of a complex image",
    "MOSAIC": "a mosaic",
    "T1 MAP": "a map",
    "T2 MAP": "a map",
    "UNI": "an MP2RAGE image",
    "INV1": "an MP2RAGE image",
    "INV2": "an MP2RAGE image",
    "SCREEN SAVE": "a screen shot",
}
"""Values of Image Type that say that an image does not show anatomy as it was acquired."""

_HEAD = frozenset({"", "HEAD", "BRAIN", "SKULL", "NEURO", "HEADNECK", "WHOLEHEAD", "CEREBRUM", "KOPF", "SCHAEDEL"})
_ELSEWHERE_BY_NAME = re.compile(
    r"\b(?:[clt][ ._-]?spine|spine|spinal|hws|bws|lws|orbits?|orbita|hypophys|pituitar)", re.I
)
_FLAIR_BY_NAME = re.compile(r"flair|dark[ _-]?fl(?:uid)?|tirm", re.I)
_DOUBLE_INVERSION_BY_NAME = re.compile(r"(?<![a-z])dir(?![a-z])|double[ _-]?inv", re.I)
_ANGIOGRAPHY_BY_NAME = re.compile(r"(?<![a-z])(?:tof|mra|angio\w*|mrv|pca)(?![a-z])", re.I)
_CONTRAST_BY_NAME = re.compile(r"(?<![a-z])(?:gd|gad\w*|post|km|ce)(?![a-z])|\+ ?c(?![a-z])", re.I)
_NO_AGENT = frozenset({"", "NO", "NONE", "NO CONTRAST", "N", "OFF", "WITHOUT", "0"})


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
    body_part: str
    name: str

    @property
    def inverted(self) -> bool:
        """Whether an inversion pulse precedes the readout."""
        return "IR" in self.scanning_sequence or bool(self.inversion_times_ms)


@dataclass(frozen=True)
class Contrast:
    """The role that a series could play, or none, and why in a reader's words."""

    role: SeriesRole | None
    reason: str


def read_acquisition(header: Dataset) -> Acquisition:
    """Read the physics from a classic or an enhanced MR header.

    Parameters
    ----------
    header : Dataset
        One instance of the series, without pixels.
    """
    echo = _number(_first(header, "EffectiveEchoTime", "EchoTime"))
    sequence = _words(header.get("ScanningSequence")) | _enhanced_sequence(header)
    agent = str(_first(header, "ContrastBolusAgent") or "").strip().upper() not in _NO_AGENT
    return Acquisition(
        sop_class_uid=str(header.get("SOPClassUID", "")),
        image_type=tuple(str(value).strip().upper() for value in _values(header.get("ImageType"))),
        scanning_sequence=frozenset(sequence),
        sequence_variant=frozenset(_words(header.get("SequenceVariant"))),
        repetition_time_ms=_number(_first(header, "RepetitionTime")),
        echo_time_ms=echo,
        inversion_times_ms=_inversion_times(header),
        flip_angle_deg=_number(_first(header, "FlipAngle")),
        contrast_agent=agent or bool(header.get("ContrastBolusAgentSequence")),
        three_dimensional=str(header.get("MRAcquisitionType", "")).strip().upper() == "3D",
        angiography=str(header.get("AngioFlag", "N")).strip().upper() == "Y",
        diffusion_b_value=_number(_first(header, "DiffusionBValue")) or 0.0,
        body_part=str(_first(header, "BodyPartExamined") or "").strip().upper(),
        name=" ".join(
            str(header.get(keyword) or "") for keyword in ("SeriesDescription", "ProtocolName", "SequenceName")
        ),
    )


def contrast_of(acquisition: Acquisition) -> Contrast:
    """Say which role an image could play, or why none.

    Returns
    -------
    Contrast
        The reason is half a sentence; it holds nothing of the header's free text.
    """
    unfit = _unfit(acquisition)
    if unfit:
        return Contrast(None, unfit)
    repetition, echo = acquisition.repetition_time_ms, acquisition.echo_time_ms
    if repetition is None or echo is None:
        return Contrast(None, "the header lacks the repetition or echo time")
    if acquisition.inverted:
        return _inversion_recovery(acquisition, repetition, echo)
    if "GR" in acquisition.scanning_sequence:
        return _gradient_echo(acquisition, repetition, echo)
    return _spin_echo(acquisition, repetition, echo)


def _unfit(acquisition: Acquisition) -> str:
    if acquisition.sop_class_uid not in MR_IMAGES:
        return "no MR image"
    kinds = acquisition.image_type
    for value in kinds[2:]:
        if value in _NOT_ANATOMY:
            return _NOT_ANATOMY[value]
    if kinds and kinds[0] != "ORIGINAL":
        return "derived from other images, not acquired"
    if len(kinds) > 1 and kinds[1] == "SECONDARY":
        return "a secondary image, not acquired"
    if acquisition.diffusion_b_value > 0 or "EP" in acquisition.scanning_sequence:
        return "echo-planar or diffusion-weighted"
    if acquisition.body_part.replace(" ", "").replace("_", "") not in _HEAD:
        return "another part of the body than the head"
    if _ELSEWHERE_BY_NAME.search(acquisition.name):
        return "by its name another region than the brain"
    if acquisition.angiography or _ANGIOGRAPHY_BY_NAME.search(acquisition.name):
        return "an angiography"
    if acquisition.sequence_variant & {"MTC"}:
        return "with magnetisation transfer"
    return ""


def _inversion_recovery(acquisition: Acquisition, repetition: float, echo: float) -> Contrast:
    if len(acquisition.inversion_times_ms) > 1 or _DOUBLE_INVERSION_BY_NAME.search(acquisition.name):
        return Contrast(None, "double inversion recovery")
    inversion = acquisition.inversion_times_ms[0] if acquisition.inversion_times_ms else None
    if inversion is None:
        if repetition >= 4000 and echo >= 60 and _FLAIR_BY_NAME.search(acquisition.name):
            return Contrast(
                SeriesRole.FLAIR, f"inversion recovery with TR {repetition:.0f} ms and TE {echo:.0f} ms, named FLAIR"
            )
        if echo <= 40 and repetition <= 3500:
            return _t1(acquisition, "inversion-prepared, short TE")
        return Contrast(None, "inversion recovery whose inversion time the header lacks")
    times = f"TR {repetition:.0f} ms, TE {echo:.0f} ms, TI {inversion:.0f} ms"
    if 1200 <= inversion <= 3500 and echo >= 60 and repetition >= 4000:
        return Contrast(SeriesRole.FLAIR, f"fluid-suppressed and T2-weighted ({times})")
    if inversion < 350 and repetition >= 1500:
        return Contrast(None, f"fat-suppressed inversion recovery ({times})")
    if 250 <= inversion <= 1500 and echo <= 40 and repetition <= 3500:
        return _t1(acquisition, times)
    return Contrast(None, f"an inversion recovery that is neither FLAIR nor T1-weighted ({times})")


def _gradient_echo(acquisition: Acquisition, repetition: float, echo: float) -> Contrast:
    angle = acquisition.flip_angle_deg
    times = f"TR {repetition:.0f} ms, TE {echo:.1f} ms" + (f", flip angle {angle:.0f}" if angle is not None else "")
    if echo > 12:
        return Contrast(None, f"T2*-weighted gradient echo ({times})")
    balanced = (
        angle is not None and angle >= 35 and repetition <= 20 and not acquisition.sequence_variant & {"SP", "MP"}
    )
    if balanced:
        return Contrast(None, f"balanced steady-state gradient echo ({times})")
    prepared = "MP" in acquisition.sequence_variant
    if repetition <= 50 and angle is not None and (angle >= 7 or prepared):
        return _t1(acquisition, times)
    if prepared and repetition <= 3500:
        return _t1(acquisition, times)
    if 50 < repetition <= 800 and angle is not None and angle >= 50:
        return _t1(acquisition, times)
    return Contrast(None, f"a gradient echo of another contrast ({times})")


def _spin_echo(acquisition: Acquisition, repetition: float, echo: float) -> Contrast:
    times = f"TR {repetition:.0f} ms, TE {echo:.0f} ms"
    if repetition <= 1200 and echo <= 40:
        return _t1(acquisition, times)
    if repetition >= 1500 and echo >= 60:
        return Contrast(SeriesRole.T2, f"T2-weighted ({times})")
    if repetition >= 1500 and echo < 60:
        return Contrast(None, f"proton-density-weighted ({times})")
    return Contrast(None, f"neither T1- nor T2-weighted ({times})")


def _t1(acquisition: Acquisition, times: str) -> Contrast:
    if acquisition.contrast_agent:
        return Contrast(SeriesRole.T1C, f"T1-weighted after contrast agent ({times})")
    if _CONTRAST_BY_NAME.search(acquisition.name):
        return Contrast(SeriesRole.T1C, f"T1-weighted, by its name after contrast agent ({times})")
    return Contrast(SeriesRole.T1, f"T1-weighted ({times})")


def _enhanced_sequence(header: Dataset) -> set[str]:
    """Translate the enhanced header's attributes into terms of Scanning Sequence."""
    pulse = str(_first(header, "EchoPulseSequence") or "").upper()
    terms = {"SPIN": {"SE"}, "GRADIENT": {"GR"}, "BOTH": {"SE", "GR"}}.get(pulse, set())
    if str(_first(header, "InversionRecovery") or "").upper() == "YES":
        terms |= {"IR"}
    if str(_first(header, "EchoPlanarPulseSequence") or "").upper() == "YES":
        terms |= {"EP"}
    return set(terms)


def _inversion_times(header: Dataset) -> tuple[float, ...]:
    value = _first(header, "InversionTimes", "InversionTime")
    times = (_number(one) for one in _values(value))
    return tuple(dict.fromkeys(time for time in times if time))


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
