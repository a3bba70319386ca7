"""The identity and every number of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from processing.domain.study import SeriesInput, SeriesRole
from processing.pipelines.spec import PipelineSpec


@dataclass(frozen=True)
class MsLongitudinalParameters:
    """Every number that influences the result.

    Each stage's own parameter class repeats these fields; the pipeline copies them over (`pipeline.py`), because the
    gateway may read a SPEC but may not import stages, which need an imaging library.

    Lengths are in millimetres; z and robust in standard deviations of the difference; intensities in units of the
    white-matter median.
    """

    minimum_registration_correlation: float = 0.6
    """Whitened correlation after registration: 0.93 to 0.95 for two scans of one patient, 0.36 to 0.41 for scans of
    two patients (measured on the two pairs of Lesjak et al., Neuroinformatics 2016)."""

    minimum_registration_overlap: float = 0.6
    """Part of the head that both fields of view must share; below, most of the brain is not compared."""

    minimum_contrast_correlation: float = 0.68
    """Multiple correlation of T1 or T2 with the FLAIR of its visit: 0.80 to 0.84 in both visits of these two patients
    (and 0.75 to 0.83 in a patient with a glioma), 0.56 to 0.60 where the series is the other patient's."""

    expected_contrast_correlation: float = 0.72
    """Below, the figure is marked for the reader."""

    bias_sigma_mm: float = 20.0
    """Low-pass of the log ratio of both scans; wider than any lesion that is looked for."""

    edge_weight: float = 0.15
    """How much of the local gradient counts as noise: the rest of a misregistration in voxels."""

    local_noise_sigma_mm: float = 10.0
    """Neighbourhood of the local noise."""

    voxel_z: float = 2.0
    """A voxel belongs to a candidate above this."""

    voxel_robust: float = 0.5
    """And above this over the brightest of its earlier neighbours."""

    peak_z: float = 3.0
    """A candidate needs a voxel above this."""

    peak_robust: float = 5.0
    """And one above this where FLAIR stands alone: 3 finds more, at about five times the false positives."""

    peak_robust_with_t2: float = 4.0
    """Enough where T2 agrees."""

    t2_minimum_z: float = 1.0
    """Mean change on T2 that a candidate needs: 1.6 to 5.4 in true ones, mostly below 1 in false ones (measured on the
    candidates of the two pairs of Lesjak et al.)."""

    t1_maximum_z: float = 2.0
    """Mean change on T1 that a candidate may have: -1.7 to 1.6 in true ones; above, it is flow, fat or a shift."""

    t1_t2_minimum_correlation: float = 0.5
    """Correlation over the brain between the visits below which T1 or T2 is left aside: it moved against its FLAIR."""

    peak_fraction: float = 0.25
    """Part of its own height down to which a lesion reaches; half would be right for a sharp edge, and is too tight
    for the diffuse rim that readers include."""

    brightness_fraction: float = 0.15
    """Part of its own brightness above white matter that every voxel of a lesion has: a ventricle's edge has less."""

    vanished_peak_z: float = 4.0
    """Stricter for what became darker: a vanished lesion is reported only when confident."""

    vanished_peak_robust: float = 7.0
    """As above."""

    vanished_white_matter_prior: float = 0.4
    """Stricter than `white_matter_prior`: one scan sent twice with motion and noise must show no loss at the rim."""

    minimum_volume_mm3: float = 12.0
    """Smallest lesion (Combès et al., 2021, MUSIC: 26-connected, 12 mm3)."""

    white_matter_prior: float = 0.3
    """Mean probability of white matter that a candidate needs: 0.38 in a true increase at a ventricle, below
    0.25 in false ones (patient01 of Lesjak et al.); an affine atlas is no more exact than that."""

    local_contrast: float = 0.6
    """Robust standard deviations of white matter by which a candidate stands out of its surroundings."""

    inside_mm: float = 3.0
    """Distance from the edge of the brain mask, where scalp and sinuses shine in."""

    learned_voxel_chance: float = 0.5
    """A voxel belongs to a finding of the network from this chance on."""

    learned_doubtful_chance: float = 0.2
    """Below, the network sees nothing where the hand-made detector found something."""

    learned_white_matter_prior: float = 0.2
    """As `white_matter_prior`, for the network, which has seen the prior itself."""

    minimum_score: float = 0.65
    """Where both detectors run, what scores less is dropped: fixed on inserted lesions and untouched pairs (model
    card)."""

    periventricular_mm: float = 3.0
    """A lesion that close to the ventricles abuts them: one voxel of a clinical scan."""

    juxtacortical_mm: float = 2.0
    """A lesion that close to the cortex abuts it; the atlas is no better than its 2 mm voxels."""


MODEL_FOLDER = Path(__file__).parent / "model"

RELEASE = "0.5.0"


def version_with(model: Path) -> str:
    """Return the version, which is another one where the learned detector's weights are not installed."""
    return RELEASE if (model / "change.onnx").is_file() else f"{RELEASE}+hand-made"


SPEC = PipelineSpec(
    name="ms_longitudinal",
    version=version_with(MODEL_FOLDER),
    title="MS lesions: new, growing and vanished since the prior study",
    inputs=(
        SeriesInput(SeriesRole.FLAIR, required=True),
        SeriesInput(SeriesRole.T1, required=False),
        SeriesInput(SeriesRole.T2, required=False),
    ),
    parameters=MsLongitudinalParameters(),
)
