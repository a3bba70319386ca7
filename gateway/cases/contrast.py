"""Which contrast an image has, from the physics of its acquisition.

What decides are Scanning Sequence, Sequence Variant, Repetition, Echo and Inversion Time, Flip Angle, MR Acquisition
Type, Image Type, diffusion b-value and Contrast/Bolus Agent (PS3.3 C.8.3.1, for enhanced images C.8.13). Names that
sites give to their series decide only where physics can't: two sequences that differ in nothing that the header
holds, or a header that lacks the inversion time. The limits are those of clinical brain imaging at 1 to 7 T.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.cases import names
from gateway.cases.acquisition import CT_IMAGES, MR_IMAGES, Acquisition
from processing.domain.study import SeriesRole

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
    "EXP": "a diffusion map",
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

HEAD_WORDS = frozenset(
    {"", "HEAD", "BRAIN", "SKULL", "NEURO", "HEADNECK", "WHOLEHEAD", "CEREBRUM", "KOPF", "SCHAEDEL"}
) | {
    *("SCHADEL", "CRANE", "ENCEPHALE", "TETE", "CABEZA", "CRANEO", "CEREBRO", "CRANIO", "ENCEFALO", "TESTA", "HOOFD"),
    *("NEUROCRANIUM", "HIRN", "GEHIRN", "CERVEAU", "CERVELLO", "HERSENEN", "HUVUD", "HJARNA", "CRANIUM"),
}


@dataclass(frozen=True)
class Contrast:
    """The role that a series could play, or none, and why in a reader's words."""

    role: SeriesRole | None
    reason: str


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
    if acquisition.sop_class_uid in CT_IMAGES:
        return _computed_tomography(acquisition)
    if _diffusion_weighted(acquisition):
        return _diffusion(acquisition)
    if "EP" in acquisition.scanning_sequence:
        return Contrast(None, "echo-planar, not diffusion-weighted")
    repetition, echo = acquisition.repetition_time_ms, acquisition.echo_time_ms
    if repetition is None or echo is None:
        return Contrast(None, "the header lacks the repetition or echo time")
    if acquisition.inverted:
        return _inversion_recovery(acquisition, repetition, echo)
    if "GR" in acquisition.scanning_sequence:
        return _gradient_echo(acquisition, repetition, echo)
    return _spin_echo(acquisition, repetition, echo)


def _unfit(acquisition: Acquisition) -> str:
    if acquisition.sop_class_uid not in MR_IMAGES | CT_IMAGES:
        return "no MR or CT image"
    kinds = acquisition.image_type
    for value in kinds[2:]:
        if value in _NOT_ANATOMY:
            return _NOT_ANATOMY[value]
    if kinds and kinds[0] != "ORIGINAL":
        return "derived from other images, not acquired"
    if len(kinds) > 1 and kinds[1] == "SECONDARY":
        return "a secondary image, not acquired"
    if acquisition.body_part.replace(" ", "").replace("_", "") not in HEAD_WORDS:
        return "another part of the body than the head"
    if names.says_localizer(acquisition.name):
        return "by its name a localizer"
    if names.says_reformatted(acquisition.name):
        return "by its name reformatted"
    if names.says_elsewhere(acquisition.name):
        return "by its name another region than the brain"
    if acquisition.angiography or names.says_angiography(acquisition.name):
        return "an angiography"
    if "MTC" in acquisition.sequence_variant:
        return "with magnetisation transfer"
    return ""


def _computed_tomography(acquisition: Acquisition) -> Contrast:
    if acquisition.contrast_agent or names.says_contrast_agent(acquisition.name):
        return Contrast(None, "a CT after contrast agent")
    return Contrast(SeriesRole.CT, "a plain CT of the head")


def _diffusion_weighted(acquisition: Acquisition) -> bool:
    if acquisition.diffusion_b_value > 0 or acquisition.acquisition_contrast == "DIFFUSION":
        return True
    if {"DIFFUSION", "TRACEW"} & set(acquisition.image_type[2:]):
        return True
    return "EP" in acquisition.scanning_sequence and names.says_diffusion(acquisition.name)


def _diffusion(acquisition: Acquisition) -> Contrast:
    if not acquisition.diffusion_b_value:
        return Contrast(SeriesRole.DWI, "diffusion-weighted")
    return Contrast(SeriesRole.DWI, f"diffusion-weighted (b {acquisition.diffusion_b_value:.0f} s/mm2)")


def _inversion_recovery(acquisition: Acquisition, repetition: float, echo: float) -> Contrast:
    if len(acquisition.inversion_times_ms) > 1 or names.says_double_inversion(acquisition.name):
        return Contrast(None, "double inversion recovery")
    inversion = acquisition.inversion_times_ms[0] if acquisition.inversion_times_ms else None
    if inversion is None:
        return _without_inversion_time(acquisition, repetition, echo)
    times = f"TR {repetition:.0f} ms, TE {echo:.0f} ms, TI {inversion:.0f} ms"
    if 1200 <= inversion <= 3500 and echo >= 60 and repetition >= 4000:
        return Contrast(SeriesRole.FLAIR, f"fluid-suppressed and T2-weighted ({times})")
    if inversion < 350 and repetition >= 1500:
        return Contrast(None, f"fat-suppressed inversion recovery ({times})")
    if 250 <= inversion <= 1500 and echo <= 40 and repetition <= 3500:
        return _t1(acquisition, times)
    return Contrast(None, f"an inversion recovery that is neither FLAIR nor T1-weighted ({times})")


def _without_inversion_time(acquisition: Acquisition, repetition: float, echo: float) -> Contrast:
    """Decide by what the scanner or the site calls it: TR and TE alone can't tell FLAIR from others."""
    times = f"inversion recovery with TR {repetition:.0f} ms and TE {echo:.0f} ms"
    if repetition >= 4000 and echo >= 60:
        if acquisition.acquisition_contrast == "FLUID_ATTENUATED":
            return Contrast(SeriesRole.FLAIR, f"{times}, fluid-attenuated as the scanner says")
        if names.says_flair(acquisition.name):
            return Contrast(SeriesRole.FLAIR, f"{times}, named FLAIR")
    if echo <= 40 and repetition <= 3500:
        return _t1(acquisition, "inversion-prepared, short TE")
    return Contrast(None, "inversion recovery whose inversion time the header lacks")


def _gradient_echo(acquisition: Acquisition, repetition: float, echo: float) -> Contrast:
    angle = acquisition.flip_angle_deg
    times = f"TR {repetition:.0f} ms, TE {echo:.1f} ms"
    if angle is not None:
        times = f"{times}, flip angle {angle:.0f}"
    if echo > 12:
        return _susceptibility(acquisition, times)
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


def _susceptibility(acquisition: Acquisition, times: str) -> Contrast:
    """Tell susceptibility-weighted from other T2*-weighted images: acquired in 3D, or called so."""
    if {"SWI", "SW", "SWAN"} & set(acquisition.image_type[2:]):
        return Contrast(SeriesRole.SWI, f"susceptibility-weighted, as its image type says ({times})")
    if acquisition.three_dimensional:
        return Contrast(SeriesRole.SWI, f"susceptibility-weighted, a T2*-weighted 3D gradient echo ({times})")
    if names.says_susceptibility(acquisition.name):
        return Contrast(SeriesRole.SWI, f"susceptibility-weighted by its name, a T2*-weighted gradient echo ({times})")
    return Contrast(None, f"T2*-weighted gradient echo ({times})")


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
    if names.says_contrast_agent(acquisition.name):
        return Contrast(SeriesRole.T1C, f"T1-weighted, after contrast agent by its name ({times})")
    return Contrast(SeriesRole.T1, f"T1-weighted ({times})")
