"""Small studies of many patients: one coarse longitudinal phantom under many names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from demo.scanner import DEMO_SCANNERS, PatientFacts, StudyFacts, write_study
from processing.domain.imaging import Volume
from processing.domain.study import SeriesRole
from tests.e2e.chaos.plan import Visit
from validation.phantom import SMALL_PHANTOM, PhantomSpec, make_phantom

LATE_ROLE = SeriesRole.T1


@dataclass(frozen=True)
class WrittenVisit:
    """One study on disk, and how to find it on the worklist."""

    visit: Visit
    study_instance_uid: str
    patient_id: str
    study_date: str
    files: tuple[Path, ...]
    late_files: tuple[Path, ...]

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"{self.patient_id} of {self.study_date}"


def write_visits(
    folder: Path, seed: int, visits: Iterable[Visit], with_late_series: frozenset[Visit]
) -> dict[Visit, WrittenVisit]:
    """Write every visit as a scanner would; those named also get the series that comes late."""
    phantom = make_phantom(_tiny(SMALL_PHANTOM))
    pictures = (phantom.prior, phantom.current)
    return {
        visit: _write(folder, seed, visit, pictures[visit.number % 2], late=visit in with_late_series)
        for visit in visits
    }


def _tiny(spec: PhantomSpec) -> PhantomSpec:
    """The same head in few voxels: 20 slices, quickly sent and registered."""
    slices = ((SeriesRole.FLAIR, 8.0),)
    return replace(
        spec,
        world_mm=3,
        prior=replace(spec.prior, slice_mm=slices, in_plane_mm=3.6),
        current=replace(spec.current, slice_mm=slices, in_plane_mm=3.6),
    )


def _write(folder: Path, seed: int, visit: Visit, images: Mapping[SeriesRole, Volume], *, late: bool) -> WrittenVisit:
    started = datetime(2024, 1, 8, 8, 0) + timedelta(days=190 * visit.number + visit.patient, minutes=7 * visit.patient)
    patient = PatientFacts(
        f"Chaos^Patient{visit.patient:02d}", f"CHAOS-{seed}-{visit.patient:02d}", date(1980, 2, 3), "F"
    )
    study = StudyFacts(started, f"C{seed}{visit.patient:02d}{visit.number}", "MRI brain", "Referrer^Chaos")
    volumes = dict(images) | ({LATE_ROLE: images[SeriesRole.FLAIR]} if late else {})
    written = write_study(
        folder / f"{visit.patient:02d}-{visit.number}",
        volumes,
        patient=patient,
        study=study,
        scanner=DEMO_SCANNERS[visit.number % 2],
    )
    is_late = {path: late and path.parent.name.endswith(LATE_ROLE.value) for path in written.files}
    return WrittenVisit(
        visit=visit,
        study_instance_uid=written.study_instance_uid,
        patient_id=patient.patient_id,
        study_date=started.strftime("%Y%m%d"),
        files=tuple(path for path in written.files if not is_late[path]),
        late_files=tuple(path for path in written.files if is_late[path]),
    )
