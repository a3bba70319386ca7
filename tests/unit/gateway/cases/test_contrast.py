"""Headers as several vendors write them, and what they are images of."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from gateway.cases.acquisition import CT_IMAGE, ENHANCED_MR_IMAGE, MR_IMAGE, read_acquisition
from gateway.cases.contrast import contrast_of
from processing.domain.study import SeriesRole

R = SeriesRole


def classic(**values: object) -> Dataset:
    header = Dataset()
    header.SOPClassUID = MR_IMAGE
    header.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    header.BodyPartExamined = "BRAIN"
    for keyword, value in values.items():
        setattr(header, keyword, value)
    return header


def _t(tr: float, te: float, ti: float | None = None, angle: float | None = None) -> dict[str, object]:
    times: dict[str, object] = {"RepetitionTime": str(tr), "EchoTime": str(te)}
    if ti is not None:
        times["InversionTime"] = str(ti)
    if angle is not None:
        times["FlipAngle"] = str(angle)
    return times


SE: dict[str, object] = {"ScanningSequence": ["SE"]}
GR: dict[str, object] = {"ScanningSequence": ["GR"]}
SE_IR: dict[str, object] = {"ScanningSequence": ["SE", "IR"], "SequenceVariant": ["SK", "SP", "MP"]}
GR_IR: dict[str, object] = {"ScanningSequence": ["GR", "IR"], "SequenceVariant": ["SK", "SP", "MP"]}

TAKEN: dict[str, tuple[dict[str, object], SeriesRole]] = {
    "Siemens 2D FLAIR": (SE_IR | _t(9000, 81, 2500, 150), R.FLAIR),
    "Siemens 3D FLAIR (SPACE)": (SE_IR | _t(5000, 388, 1800, 120) | {"MRAcquisitionType": "3D"}, R.FLAIR),
    "Siemens 1.5 T FLAIR, normalised": (
        SE_IR | _t(8000, 109, 2340, 150) | {"ImageType": ["ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D"]},
        R.FLAIR,
    ),
    "GE T2 FLAIR": (SE_IR | _t(11000, 145, 2250, 90) | {"ImageType": ["ORIGINAL", "PRIMARY", "OTHER"]}, R.FLAIR),
    "GE CUBE FLAIR": (SE_IR | _t(6502, 136, 1897, 90) | {"MRAcquisitionType": "3D"}, R.FLAIR),
    "Philips FLAIR, IR only": (
        {"ScanningSequence": "IR", "SequenceVariant": "SK", "ImageType": ["ORIGINAL", "PRIMARY", "M_IR", "M", "IR"]}
        | _t(11000, 125, 2800, 90),
        R.FLAIR,
    ),
    "Philips VISTA FLAIR": ({"ScanningSequence": ["SE", "IR"]} | _t(4800, 304, 1650, 90), R.FLAIR),
    "Canon FLAIR": ({"ScanningSequence": ["SE", "IR"], "SequenceVariant": "SK"} | _t(10000, 105, 2700, 90), R.FLAIR),
    "FLAIR whose inversion time was lost, but named so": (
        {"ScanningSequence": ["SE", "IR"], "SeriesDescription": "t2_FLAIR_tra"} | _t(9000, 90),
        R.FLAIR,
    ),
    "FLAIR after contrast agent is still FLAIR": (
        SE_IR | _t(9000, 81, 2500) | {"ContrastBolusAgent": "Gadovist"},
        R.FLAIR,
    ),
    "Siemens MPRAGE": (GR_IR | _t(2300, 2.98, 900, 9) | {"MRAcquisitionType": "3D"}, R.T1),
    "GE BRAVO": (
        {"ScanningSequence": "GR", "SequenceVariant": ["SS", "SP", "MP", "SK"]} | _t(8.2, 3.2, 450, 12),
        R.T1,
    ),
    "Philips T1 TFE without inversion time": (
        {"ScanningSequence": "GR", "SequenceVariant": "MP", "MRAcquisitionType": "3D"} | _t(8.1, 3.7, None, 8),
        R.T1,
    ),
    "GE T1 FLAIR": (SE_IR | _t(2500, 24, 960), R.T1),
    "spin-echo T1": (SE | _t(500, 12, None, 90), R.T1),
    "2D gradient-echo T1 (FLASH)": (GR | _t(250, 2.5, None, 70), R.T1),
    "VIBE": (GR | {"SequenceVariant": ["SK", "SP"]} | _t(6.8, 2.4, None, 12), R.T1),
    "T1 after contrast agent": (SE | _t(500, 12, None, 90) | {"ContrastBolusAgent": "10 ml Dotarem"}, R.T1C),
    "MPRAGE after contrast agent, said by its name only": (
        GR_IR | _t(2300, 3, 900, 9) | {"SeriesDescription": "t1_mprage_sag +C"},
        R.T1C,
    ),
    "turbo spin-echo T2": (SE | _t(5000, 100, None, 150), R.T2),
    "3D T2 (SPACE)": (SE | _t(3200, 408, None, 120), R.T2),
    "Philips T2 without image type": (SE | _t(3000, 80, None, 90) | {"ImageType": None}, R.T2),
    "inversion time 0 means none": (SE | _t(5000, 100, 0, 150), R.T2),
    **{
        f"without contrast agent, as its name says: {name}": (
            GR_IR | _t(2300, 3, 900, 9) | {"SeriesDescription": name},
            R.T1,
        )
        for name in ("T1 ohne KM", "t1 mprage nativ", "T1 sans injection", "T1 sin contraste", "T1 senza mdc")
    },
    **{
        f"after contrast agent, as its name says: {name}": (
            GR_IR | _t(2300, 3, 900, 9) | {"SeriesDescription": name},
            R.T1C,
        )
        for name in ("T1 nach KM", "t1_mprage_KM", "T1 3D après inj", "T1 con mdc", "T1 C+", "T1 POST GAD", "T1 +Gd")
    },
    "Siemens DWI": (
        {"ScanningSequence": "EP", "ImageType": ["ORIGINAL", "PRIMARY", "DIFFUSION", "TRACEW", "ND"]} | _t(6000, 90),
        R.DWI,
    ),
    "DWI by its b-value": ({"ScanningSequence": "EP"} | _t(6000, 90) | {"DiffusionBValue": 1000.0}, R.DWI),
    "DWI by its name, where no attribute says so": (
        {"ScanningSequence": ["SE", "EP"], "SeriesDescription": "Diffusionswichtung"} | _t(6000, 90),
        R.DWI,
    ),
    "Siemens SWI": (
        {"ScanningSequence": "GR", "ImageType": ["ORIGINAL", "PRIMARY", "M", "SWI", "NORM"]} | _t(27, 20, None, 15),
        R.SWI,
    ),
    "GE SWAN, a 3D gradient echo with a long echo": (GR | _t(41, 25, None, 15) | {"MRAcquisitionType": "3D"}, R.SWI),
    "2D susceptibility-weighted by its name": (GR | _t(600, 20, None, 20) | {"ProtocolName": "ax SWIp"}, R.SWI),
    "plain CT": (
        {"SOPClassUID": CT_IMAGE, "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "BodyPartExamined": "HEAD"},
        R.CT,
    ),
    "no agent, said in words": (SE | _t(500, 12, None, 90) | {"ContrastBolusAgent": "NONE"}, R.T1),
}

LEFT: dict[str, tuple[dict[str, object], str]] = {
    "localizer": (GR | _t(8.6, 4, None, 20) | {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
    "reformatted": (SE_IR | _t(5000, 388, 1800) | {"ImageType": ["DERIVED", "SECONDARY", "MPR"]}, "reformatted"),
    "Siemens reformatted": (
        SE_IR | _t(5000, 388, 1800) | {"ImageType": ["DERIVED", "SECONDARY", "MPR", "CSA MPR", "", "CSAPARALLEL"]},
        "reformatted",
    ),
    "derived": (SE_IR | _t(9000, 81, 2500) | {"ImageType": ["DERIVED", "PRIMARY", "OTHER"]}, "derived"),
    "secondary": (SE_IR | _t(9000, 81, 2500) | {"ImageType": ["ORIGINAL", "SECONDARY"]}, "secondary"),
    "projection": (GR | _t(27, 20, None, 15) | {"ImageType": ["DERIVED", "PRIMARY", "MNIP"]}, "projection"),
    "subtraction": (
        SE | _t(500, 12) | {"ImageType": ["DERIVED", "PRIMARY", "SUBTRACTION"]},
        "subtraction",
    ),
    "functional, echo planar": ({"ScanningSequence": "EP"} | _t(2000, 30), "echo-planar"),
    "CT topogram": ({"SOPClassUID": CT_IMAGE, "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
    "CT angiography": (
        {"SOPClassUID": CT_IMAGE, "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "ContrastBolusAgent": "Imeron"},
        "contrast agent",
    ),
    "CT reformatted": ({"SOPClassUID": CT_IMAGE, "ImageType": ["DERIVED", "SECONDARY", "MPR"]}, "reformatted"),
    "reformatted by its name": (SE_IR | _t(5000, 388, 1800) | {"SeriesDescription": "FLAIR MPR cor"}, "reformatted"),
    "localizer by its name": (GR | _t(8.6, 4, None, 20) | {"SeriesDescription": "Übersicht"}, "localizer"),
    "ADC map": (SE | _t(6000, 90) | {"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}, "diffusion"),
    "STIR": ({"ScanningSequence": ["SE", "IR"]} | _t(4000, 40, 160), "fat-suppressed"),
    "STIR with a long echo": ({"ScanningSequence": ["SE", "IR"]} | _t(6000, 90, 160), "fat-suppressed"),
    "another tissue nulled": ({"ScanningSequence": ["SE", "IR"]} | _t(6000, 90, 600), "neither FLAIR nor T1"),
    "double inversion by its two times": (SE_IR | _t(7500, 318) | {"InversionTime": ["3000", "450"]}, "double"),
    "double inversion by its name": (
        SE_IR | _t(7500, 318, 3000) | {"SeriesDescription": "3D_DIR_sag"},
        "double",
    ),
    "inversion time lost, nameless": ({"ScanningSequence": ["SE", "IR"]} | _t(9000, 90), "inversion time"),
    "proton density": (SE | _t(2500, 20), "proton-density"),
    "T2*": (GR | _t(600, 20, None, 20), "T2*"),
    "SWI phase": (GR | _t(27, 20, None, 15) | {"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, "phase"),
    "Philips real image": (
        GR_IR | _t(2300, 3, 900) | {"ImageType": ["ORIGINAL", "PRIMARY", "R_FFE", "R", "FFE"]},
        "complex",
    ),
    "balanced (FIESTA)": (GR | {"SequenceVariant": "SS"} | _t(5, 2, None, 50), "balanced"),
    "time of flight": (GR | _t(22, 3.6, None, 18) | {"SeriesDescription": "3D TOF"}, "angiography"),
    "time of flight by its flag": (GR | _t(22, 3.6, None, 18) | {"AngioFlag": "Y"}, "angiography"),
    "magnetisation transfer": (GR | {"SequenceVariant": ["SP", "MTC"]} | _t(30, 5, None, 15), "magnetisation"),
    "MP2RAGE inversion": (GR_IR | _t(5000, 3, 700) | {"ImageType": ["ORIGINAL", "PRIMARY", "M", "INV1"]}, "MP2RAGE"),
    "cervical spine": (SE | _t(3000, 90) | {"BodyPartExamined": "CSPINE"}, "another part of the body"),
    "cervical spine by its name": (SE | _t(3000, 90) | {"SeriesDescription": "T2 sag C-Spine"}, "another region"),
    "knee": (SE | _t(3000, 90) | {"BodyPartExamined": "KNEE"}, "another part of the body"),
    "no times": (SE, "lacks the repetition or echo time"),
    "no MR": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1"}, "no MR or CT image"),
    "unreadable time": (SE | {"RepetitionTime": None, "EchoTime": "90"}, "lacks the repetition or echo time"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_contrast_is_known_by_its_physics(name: str) -> None:
    values, role = TAKEN[name]
    contrast = contrast_of(read_acquisition(classic(**values)))
    assert contrast.role is role, contrast.reason


@pytest.mark.parametrize("name", LEFT)
def test_what_is_no_anatomy_of_the_brain_is_left_with_a_reason(name: str) -> None:
    values, word = LEFT[name]
    contrast = contrast_of(read_acquisition(classic(**values)))
    assert contrast.role is None
    assert word in contrast.reason


def enhanced(
    *, tr: float, te: float, ti: float | None, pulse: str, kind: str = "ORIGINAL", agent: bool = False
) -> Dataset:
    """A multi-frame header with the times in its functional groups, as in PS3.3 C.8.13."""
    header, shared, frame = Dataset(), Dataset(), Dataset()
    header.SOPClassUID = ENHANCED_MR_IMAGE
    header.ImageType = [kind, "PRIMARY", "M", "NONE"]
    header.MRAcquisitionType = "3D"
    header.EchoPulseSequence = pulse
    header.InversionRecovery = "YES" if ti else "NO"
    timing, echo, modifier, anatomy = Dataset(), Dataset(), Dataset(), Dataset()
    timing.RepetitionTime, timing.FlipAngle = tr, 90.0
    echo.EffectiveEchoTime = te
    if ti:
        modifier.InversionTimes = [ti]
    shared.MRTimingAndRelatedParametersSequence = [timing]
    shared.MRModifierSequence = [modifier]
    shared.FrameAnatomySequence = [anatomy]
    frame.MREchoSequence = [echo]
    header.SharedFunctionalGroupsSequence = [shared]
    header.PerFrameFunctionalGroupsSequence = [frame, frame]
    if agent:
        item = Dataset()
        item.ContrastBolusAgentNumber = 1
        header.ContrastBolusAgentSequence = [item]
    return header


@pytest.mark.parametrize(
    ("header", "role"),
    [
        (enhanced(tr=4800, te=300, ti=1650, pulse="SPIN"), R.FLAIR),
        (enhanced(tr=2300, te=3, ti=900, pulse="GRADIENT"), R.T1),
        (enhanced(tr=600, te=12, ti=None, pulse="SPIN", agent=True), R.T1C),
        (enhanced(tr=3000, te=90, ti=None, pulse="SPIN"), R.T2),
        (enhanced(tr=4800, te=300, ti=1650, pulse="SPIN", kind="DERIVED"), None),
        (enhanced(tr=4800, te=300, ti=1650, pulse="SPIN", kind="MIXED"), None),
    ],
    ids=["FLAIR", "T1", "T1C", "T2", "derived", "partly derived"],
)
def test_enhanced_headers_say_the_same_in_functional_groups(header: Dataset, role: SeriesRole | None) -> None:
    assert contrast_of(read_acquisition(header)).role is role


def _private(creator: str, group: int, element: int, vr: str, value: object) -> Dataset:
    header = classic(ScanningSequence="EP", **_t(6000, 90))
    block = header.private_block(group, creator, create=True)
    block.add_new(element, vr, value)
    return header


@pytest.mark.parametrize(
    "header",
    [
        _private("SIEMENS MR HEADER", 0x0019, 0x0C, "IS", "1000"),
        _private("GEMS_PARM_01", 0x0043, 0x39, "IS", ["1000001000", "8", "0", "0"]),
        _private("Philips Imaging DD 001", 0x2001, 0x03, "FL", 1000.0),
        _private("SIEMENS MR HEADER", 0x0019, 0x0C, "UN", b"1000 "),
    ],
    ids=["Siemens", "GE", "Philips", "Siemens, of unknown representation"],
)
def test_the_vendors_own_b_values_are_read(header: Dataset) -> None:
    acquisition = read_acquisition(header)
    assert acquisition.diffusion_b_value == 1000.0
    assert contrast_of(acquisition).role is R.DWI


def test_no_reason_repeats_free_text_of_the_header() -> None:
    for values in [values for values, _ in TAKEN.values()] + [values for values, _ in LEFT.values()]:
        header = classic(**values)
        header.SeriesDescription = f"{header.get('SeriesDescription', '')} Tse^Mei"
        header.ProtocolName = "Tse"
        assert "tse" not in contrast_of(read_acquisition(header)).reason.lower()
