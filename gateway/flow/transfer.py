"""Takes the chosen series of a study across the border: pseudonymised, stored in the research archive, remembered."""

from __future__ import annotations

import contextlib
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.clinical_study import ClinicalSeries, ClinicalStudy
from gateway.defacing import Defacer
from gateway.flow.series_files import SeriesFiles
from gateway.flow.services import Services
from gateway.flow.step import Lease
from gateway.pseudonymise.apply import PseudonymisedInstance, pseudonymise_instance
from gateway.pseudonymise.record import StudyRecord, StudyRecordBuilder
from processing.domain.errors import InputRejected
from processing.domain.messages import StudyOrder
from processing.domain.study import SeriesRole


@dataclass(frozen=True)
class _Image:
    """An image on its way, and what is left of it without a face."""

    series: ClinicalSeries
    original: bytes = field(repr=False)
    defaced: bytes | None = field(repr=False)


def transfer(
    services: Services,
    lease: Lease,
    record: StudyRecord,
    study: ClinicalStudy,
    chosen: Mapping[SeriesRole, str],
    files: SeriesFiles,
) -> tuple[StudyOrder, StudyRecord]:
    """Pseudonymise the chosen series into the research archive. Doing it again stores nothing new.

    Images pass one by one; beside what `files` keeps only one batch of them is in memory.

    Parameters
    ----------
    services : Services
    lease : Lease
        Renewed while images pass.
    record : StudyRecord
        Of the study, as the vault holds it.
    study : ClinicalStudy
    chosen : mapping of SeriesRole to str
        Original SeriesInstanceUIDs.
    files : SeriesFiles
        Has read some of them already, when they were chosen.

    Returns
    -------
    StudyOrder
        The pseudonymous study and series.
    StudyRecord
        For the vault: where every pseudonymous UID came from.

    Raises
    ------
    InputRejected
        If an image can't be pseudonymised safely, or is not of the record's patient and study.
    Transient
        If an archive can't be reached.
    """
    builder = StudyRecordBuilder(services.pseudonymiser)
    sex = str(record.patient.get("PatientSex", "") or "")
    services.copies.withdraw_outdated(record.study_instance_uid, record.pseudonym, sex)
    services.research.store(_pseudonymised(services, lease, record, _originals(study, chosen, files), builder))
    built = builder.build()
    order = StudyOrder(
        study_instance_uid=record.study_instance_uid,
        series={role: services.pseudonymiser.uid(uid, record.identity) for role, uid in chosen.items()},
    )
    if not set(order.series.values()) <= built.series.keys():
        raise InputRejected("The clinical archive no longer holds all images of the chosen series.")
    return order, built


def _originals(study: ClinicalStudy, chosen: Mapping[SeriesRole, str], files: SeriesFiles) -> Iterator[_Image]:
    wanted = set(chosen.values())
    for series in study.series:
        if series.series_instance_uid in wanted:
            for original in files.take(study, series):
                yield _Image(series, original, None)


def _pseudonymised(
    services: Services,
    lease: Lease,
    record: StudyRecord,
    images: Iterator[_Image],
    builder: StudyRecordBuilder,
) -> Iterator[bytes]:
    defacer = services.defacer
    with contextlib.ExitStack() as open_while_images_pass:
        if defacer is not None:
            folder = open_while_images_pass.enter_context(tempfile.TemporaryDirectory(prefix="interval-"))
            images = _without_faces(defacer, lease, images, Path(folder))
        for image in images:
            lease.renew()
            pseudonymous = _pseudonymise(services, image, builder)
            if (pseudonymous.pseudonym, pseudonymous.study_instance_uid) != (
                record.pseudonym,
                record.study_instance_uid,
            ):
                raise InputRejected("An image of the study belongs to another patient or study.")
            yield pseudonymous.part10


def _pseudonymise(services: Services, image: _Image, builder: StudyRecordBuilder) -> PseudonymisedInstance:
    try:
        content = image.original if image.defaced is None else image.defaced
        pseudonymous = pseudonymise_instance(content, services.pseudonymiser, defaced=image.defaced is not None)
        # The vault remembers the image as it was sent: with its face it is no other image.
        builder.add(pseudonymous, image.original)
    except InputRejected as rejected:
        number = image.series.series_number
        name = f"series {number}" if number is not None else "a series"
        raise InputRejected(f"An image of {name} can't be pseudonymised: {rejected.reason.rstrip('.')}.") from rejected
    return pseudonymous


def _without_faces(defacer: Defacer, lease: Lease, images: Iterator[_Image], folder: Path) -> Iterator[_Image]:
    """Yield the images with what is left of them without a face; all of them lie on the disk meanwhile."""
    originals, defaced = folder / "originals", folder / "defaced"
    originals.mkdir()
    defaced.mkdir()
    kept: list[tuple[ClinicalSeries, str]] = []
    for image in images:
        lease.renew()
        name = f"{len(kept):06}"
        for place in (originals, defaced):
            (place / name).write_bytes(image.original)
        kept.append((image.series, name))
    defacer.deface(defaced, lease.renew)
    for series, name in kept:
        yield _Image(series, (originals / name).read_bytes(), (defaced / name).read_bytes())


def require_same_person(current: StudyRecord, prior: StudyRecord) -> None:
    """Check that two studies are of one person before they are compared.

    Patient ID and issuer are equal already. Name, birth date and sex must not contradict each other either: an ID
    that was given twice or typed wrongly shows in them. What one of the studies does not say contradicts nothing.

    Raises
    ------
    InputRejected
        Naming what differs, not its values.
    """
    if current.pseudonym != prior.pseudonym or current.identity != prior.identity:
        raise InputRejected("The studies to compare are not of the same patient.")
    differing = [
        words
        for words, keyword in (("name", "PatientName"), ("birth date", "PatientBirthDate"), ("sex", "PatientSex"))
        if _contradict(_comparable(current, keyword), _comparable(prior, keyword))
    ]
    if differing:
        raise InputRejected(
            f"The earlier study has the same patient ID but another {' and another '.join(differing)}; "
            "check whether both are of one patient."
        )


def _contradict(first: str, second: str) -> bool:
    return bool(first and second and first != second)


def _comparable(record: StudyRecord, keyword: str) -> str:
    """Return a value without case, accents and trailing empty parts of a name: scanners write them differently."""
    text = str(record.patient.get(keyword, "") or "").split("=")[0]
    parts = [" ".join(part.split()) for part in text.rstrip("^ ").split("^")[:2]]
    plain = unicodedata.normalize("NFKD", "^".join(parts)).casefold()
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
