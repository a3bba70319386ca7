"""Rigid registration by other programs, for `validation.bench`.

Run as a file by the Python of a second environment, which holds these programs and nothing of Interval: they bring
2 GB that no hospital needs. Each program has a process of its own, which writes one line of JSON: name, wall and CPU
seconds of the registration itself, the process's peak memory, and the 4 x 4 matrix that maps fixed LPS points to moving
ones (mm). Without the program's name the names of those that are installed are written.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation

Matrix = npt.NDArray[np.float64]
THREADS = 2
RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def matrix_of(transform: sitk.Transform) -> Matrix:
    """Return the 4 x 4 matrix of a linear transform of whatever kind, by where it takes four points."""
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    for axis in range(3):
        matrix[:3, axis] = np.array(transform.TransformPoint(tuple(np.eye(3)[axis].tolist()))) - origin
    matrix[:3, 3] = origin
    return matrix


def elastix(fixed_path: str, moving_path: str) -> tuple[float, float, Matrix]:
    """Three levels, 128 iterations, 2048 samples: the fastest setting that stayed as exact as slower ones."""
    import itk

    fixed, moving = (itk.imread(path, itk.F) for path in (fixed_path, moving_path))
    parameters = itk.ParameterObject.New()
    levels = parameters.GetDefaultParameterMap("rigid", 3)
    levels["MaximumNumberOfIterations"] = ["128"]
    levels["NumberOfSpatialSamples"] = ["2048"]
    levels["AutomaticTransformInitialization"] = ["true"]
    levels["WriteResultImage"] = ["false"]
    parameters.AddParameterMap(levels)
    method = itk.ElastixRegistrationMethod.New(fixed, moving)
    method.SetParameterObject(parameters)
    method.SetNumberOfThreads(THREADS)
    method.SetLogToConsole(False)
    wall, cpu = time.perf_counter(), time.process_time()
    method.Update()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found = method.GetTransformParameterObject().GetParameterMap(0)
    transform = sitk.Euler3DTransform()
    transform.SetComputeZYX(found["ComputeZYX"][0] == "true")
    transform.SetCenter([float(v) for v in found["CenterOfRotationPoint"]])
    transform.SetParameters([float(v) for v in found["TransformParameters"]])
    return wall, cpu, matrix_of(transform)


def greedy(fixed_path: str, moving_path: str) -> tuple[float, float, Matrix]:
    """Six degrees of freedom, normalised mutual information on three levels, from the images' centres."""
    from picsl_greedy import Greedy3D  # type: ignore[import-not-found]  # lives in the second environment only

    fixed, moving = (sitk.ReadImage(path, sitk.sitkFloat32) for path in (fixed_path, moving_path))
    program = Greedy3D()
    wall, cpu = time.perf_counter(), time.process_time()
    program.execute(
        f"-i fixed moving -a -dof 6 -m NMI -n 100x50x10 -ia-image-centers -threads {THREADS} -V 0 -o found",
        fixed=fixed,
        moving=moving,
        found=None,
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, cpu, RAS @ np.array(program["found"]) @ RAS


def ants_rigid(fixed_path: str, moving_path: str) -> tuple[float, float, Matrix]:
    """ANTs with its own settings of a rigid registration."""
    import ants  # type: ignore[import-not-found]  # lives in the second environment only

    fixed, moving = ants.image_read(fixed_path), ants.image_read(moving_path)
    wall, cpu = time.perf_counter(), time.process_time()
    found = ants.registration(fixed, moving, type_of_transform="Rigid", random_seed=1)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    # Which class of transform the file holds depends on ANTs' version.
    return wall, cpu, matrix_of(sitk.ReadTransform(found["fwdtransforms"][0]))


PROGRAMS: dict[str, tuple[str, Callable[[str, str], tuple[float, float, Matrix]]]] = {
    "itk-elastix": ("itk", elastix),
    "greedy": ("picsl_greedy", greedy),
    "ANTs": ("ants", ants_rigid),
}
"""Name, the package it needs, and how it is run."""


def main(arguments: list[str]) -> int:
    """List the installed programs, or register two image files with one of them."""
    if not arguments:
        sys.stdout.write(json.dumps([name for name, (package, _) in PROGRAMS.items() if _installed(package)]) + "\n")
        return 0
    name, fixed, moving = arguments
    wall, cpu, matrix = PROGRAMS[name][1](fixed, moving)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cost = {"name": name, "wall_s": wall, "cpu_s": cpu, "peak_mb": peak_mb, "matrix": matrix.tolist()}
    sys.stdout.write(json.dumps(cost) + "\n")
    return 0


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
