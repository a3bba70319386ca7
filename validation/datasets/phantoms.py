"""The phantom family, and what of it can be pinned.

A phantom's numbers come from numpy's generators, which give the same on every machine, and from sines, exponentials
and interpolation, whose last bit differs between processors; a voxel near a half is then rounded the other way. So the
hash pins what is the same everywhere: the specification, the template's files, and volume, kind and place of every
lesion to a hundredth of a millimetre. That the images are those is checked within a tolerance, by the reference.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

from processing.stages.atlas import read_template
from validation.datasets.manifest import MANIFESTS, PhantomCase, find_manifest, write_manifest
from validation.grid import GRID
from validation.phantom import DEMO_PHANTOM, SMALL_PHANTOM, Phantom, PhantomSpec, make_phantom

PHANTOMS: Mapping[str, PhantomSpec] = {
    "small": SMALL_PHANTOM,
    "demo": DEMO_PHANTOM,
    **{name.replace(" %", " percent"): spec for name, spec in GRID.items()},
}


class OtherPhantom(ValueError):
    """A phantom is not the one that the manifest pins."""


def specification_hash(spec: PhantomSpec, phantom: Phantom) -> str:
    """Return the hash of what a phantom is made of and of its truth."""
    truth = [
        [
            change.number,
            change.kind.value,
            change.volume_mm3,
            change.prior_volume_mm3,
            *(round(v, 2) for v in change.centroid_mm),
        ]
        for change in phantom.changes
    ]
    motion = [round(float(v), 4) + 0.0 for v in phantom.current_to_prior.matrix.ravel()]
    shapes = [[role.value, *volume.grid.shape] for role, volume in phantom.current.items()]
    said = {"spec": asdict(spec), "template": _template_hash(), "truth": truth, "motion": motion, "shapes": shapes}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _template_hash() -> str:
    digest = hashlib.sha256()
    for volume in read_template():
        digest.update(volume.array.tobytes())
    return digest.hexdigest()


def pinned_phantom(name: str, sha256: str) -> Phantom:
    """Make a phantom of the family.

    Raises
    ------
    OtherPhantom
        If it is not the one that was pinned.
    """
    if name not in PHANTOMS:
        raise OtherPhantom(f"There is no phantom '{name}'.")
    phantom = make_phantom(PHANTOMS[name])
    if specification_hash(PHANTOMS[name], phantom) != sha256:
        raise OtherPhantom(
            f"The phantom '{name}' is not the one that the manifest pins. If it was changed on purpose, run "
            "`python -m validation pin` and make the reference anew."
        )
    return phantom


def pin_phantoms(say: Callable[[str], object]) -> int:
    """Write the phantom family's manifest anew and return how many phantoms it pins."""
    manifest = find_manifest("phantom")
    quick = {case.name for case in manifest.cases if case.quick}
    cases = []
    for name, spec in PHANTOMS.items():
        cases.append(
            PhantomCase(name=name, quick=name in quick, specification=specification_hash(spec, make_phantom(spec)))
        )
        say(f"{name}\n")
    write_manifest(manifest.model_copy(update={"cases": tuple(cases)}), MANIFESTS)
    return len(cases)
