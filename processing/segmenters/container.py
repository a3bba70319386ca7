"""A container image with the interface of the BraTS challenges, run by podman or docker.

The four images lie read-only in `/data` (`t1.nii.gz`, `t1c.nii.gz`, `t2.nii.gz`, `flair.nii.gz`); the container leaves
one label image in `/data/results`. It has no network, no privileges, a read-only file system, and limits of memory,
processors, processes and time.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError

from processing.domain.errors import Defect, Transient
from processing.domain.imaging import Grid, LabelMap
from processing.segmenters.card import ContainerImage, SegmenterCard
from processing.segmenters.tensors import Prepared, label_map, prepare
from processing.stages.tumour.evidence import TumourEvidence

_RUNTIMES = ("podman", "docker")
_MOST_RESULT_BYTES = 64 * 1024 * 1024
_STOP_S = 30.0
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


class ContainerSegmenter:
    """A segmenter in a container.

    Parameters
    ----------
    card : SegmenterCard
    image : ContainerImage
    runtime : str
        Path of podman or docker.
    """

    def __init__(self, card: SegmenterCard, image: ContainerImage, runtime: str) -> None:
        self.name = card.title
        self._card = card
        self._image = image
        self._runtime = runtime

    def segment(self, evidence: TumourEvidence) -> LabelMap:
        """See `processing.stages.tumour.segmenters.Segmenter`."""
        prepared = prepare(evidence, self._card)
        with tempfile.TemporaryDirectory(prefix="interval-segmenter-") as folder:
            data, results = Path(folder) / "data", Path(folder) / "results"
            (data / "results").mkdir(parents=True)
            results.mkdir()
            # The container may run as anybody; the folder around is this user's alone.
            results.chmod(0o777)
            self._write(data, prepared)
            self._run(data, results)
            return label_map(self._read(results, prepared.grid), prepared, evidence, self._card)

    def _write(self, data: Path, prepared: Prepared) -> None:
        for channel, image in zip(self._card.channels, prepared.tensor, strict=True):
            write_nifti(data / f"{channel.series.value.lower()}.nii.gz", image, prepared.grid)

    def _run(self, data: Path, results: Path) -> None:
        container = f"interval-{uuid.uuid4()}"
        command = [self._runtime, "run", *arguments(self._image, container, data, results)]
        try:
            done = subprocess.run(command, check=False, capture_output=True, timeout=self._image.time_limit_s)
        except subprocess.TimeoutExpired as slow:
            self._stop(container)
            raise Defect(f"{self.name} took longer than {self._image.time_limit_s:g} s and was stopped.") from slow
        except OSError as absent:
            raise Transient(f"{self.name} can't be run: the container runtime does not start.") from absent
        if done.returncode != 0:
            raise Defect(f"{self.name} failed (exit status {done.returncode}).")

    def _stop(self, container: str) -> None:
        subprocess.run([self._runtime, "rm", "--force", container], check=False, capture_output=True, timeout=_STOP_S)

    def _read(self, results: Path, grid: Grid) -> npt.NDArray[np.int64]:
        """Read the one label image; what the container wrote is not trusted."""
        found = [path for path in results.iterdir() if path.name.endswith((".nii.gz", ".nii"))]
        if len(found) != 1 or found[0].is_symlink() or not found[0].is_file():
            raise Defect(f"{self.name} left no single result.")
        if found[0].stat().st_size > _MOST_RESULT_BYTES:
            raise Defect(f"{self.name} left a result that is far too large.")
        return read_nifti_labels(found[0], grid, self.name)


def container_runtime() -> str | None:
    """Return the path of podman, else of docker, else None."""
    return next((path for path in map(shutil.which, _RUNTIMES) if path), None)


def arguments(image: ContainerImage, name: str, data: Path, results: Path) -> list[str]:
    """Return what follows `podman run` or `docker run`."""
    return [
        "--rm",
        "--name",
        name,
        # An image that is not here is not fetched: the machine that measures reaches no registry.
        "--pull=never",
        "--network=none",
        "--read-only",
        "--tmpfs=/tmp:rw,size=1g",
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        f"--memory={image.memory_mb}m",
        f"--memory-swap={image.memory_mb}m",
        f"--cpus={image.processors:g}",
        "--pids-limit=512",
        # Of its own, too: the runtime's default may be more than the host lets anybody have.
        "--ulimit=nofile=1024:1024",
        "--ulimit=nproc=2048:2048",
        f"--volume={data}:/data:ro",
        f"--volume={results}:/data/results:rw",
        image.image,
        *image.command,
    ]


def write_nifti(path: Path, image: npt.NDArray[np.float32], grid: Grid) -> None:
    """Write an image, shape (z, y, x), as NIfTI in RAS."""
    affine = _LPS_TO_RAS @ grid.affine[:, [2, 1, 0, 3]]
    turned = nibabel.Nifti1Image(image.transpose(2, 1, 0), affine)  # type: ignore[no-untyped-call]  # it has no types
    nibabel.save(turned, path)


def read_nifti_labels(path: Path, grid: Grid, name: str) -> npt.NDArray[np.int64]:
    """Read whole numbers, shape (z, y, x), that must lie on a grid.

    Raises
    ------
    Defect
        If they don't, or are no whole numbers.
    """
    try:
        image = nibabel.Nifti1Image.from_filename(path)
        shape = image.shape
        array = np.asarray(image.dataobj) if shape == grid.shape[::-1] else None
    except (ImageFileError, OSError, EOFError, ValueError) as broken:
        raise Defect(f"{name} left a result that can't be read.") from broken
    expected = _LPS_TO_RAS @ grid.affine[:, [2, 1, 0, 3]]
    if array is None or not np.allclose(image.affine, expected, atol=0.01):
        raise Defect(f"{name} answered on another grid than it was asked on.")
    labels = np.rint(array)
    if not np.isfinite(array).all() or np.abs(labels - array).max() > 1e-3:
        raise Defect(f"{name} left a result that holds no labels.")
    return np.asarray(labels, np.int64).transpose(2, 1, 0)
