"""A longitudinal head that never lived: two visits, two scanners, and every lesion known.

The brain is the ICBM152 template's tissue maps, so that the anatomy is real; skull, scalp, face and neck are made
around it, because the template is stripped of them and brain extraction must have work to do. Everything follows from
a `PhantomSpec` and its seed: the same spec gives the same voxels.
"""

from validation.phantom.make import Phantom, TrueChange, make_phantom
from validation.phantom.spec import (
    DEMO_PHANTOM,
    SMALL_PHANTOM,
    LesionKind,
    LesionSpec,
    PhantomSpec,
    PoseSpec,
    ScannerSpec,
)

__all__ = [
    "DEMO_PHANTOM",
    "SMALL_PHANTOM",
    "LesionKind",
    "LesionSpec",
    "Phantom",
    "PhantomSpec",
    "PoseSpec",
    "ScannerSpec",
    "TrueChange",
    "make_phantom",
]
