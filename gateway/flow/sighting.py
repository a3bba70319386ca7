"""Looking at studies in the clinical archive: how much of each is there, and whose it is that has no case yet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from gateway.clinical_study import ClinicalStudy
from gateway.flow.images import ImageDigests
from gateway.flow.services import Services
from gateway.flow.sight import identity_at_sight, record_at_sight, shifted_study_date
from gateway.jobs import store
from gateway.log import get_logger
from gateway.pseudonymise.identity import PatientIdentity, uid_under
from gateway.pseudonymise.keys import SubKeys
from gateway.pseudonymise.record import StudyRecord
from processing.dicom.unreadable import UNREADABLE
from processing.domain.errors import InputRejected, Transient

log = get_logger(__name__)
_STEP = "receive"


@dataclass(frozen=True)
class FirstSight:
    """What one image of a study says of it."""

    record: StudyRecord
    readable_name: str
    study_date_shifted: str = field(repr=False)


@dataclass(frozen=True)
class Sighting:
    """A study as it was just seen in the clinical archive."""

    study_uid: str
    """Pseudonymous."""
    image_count: int
    ignored_count: int = 0
    images: ImageDigests | None = field(default=None, repr=False)
    """Which images they are; none where the study can't be listed."""
    first: FirstSight | None = None
    """What its case is opened with; none where it has one."""


def look_at(services: Services, study_uids: list[str]) -> list[Sighting]:
    """Look at studies; those without an image from outside are left out.

    Raises
    ------
    Transient
        If the archive can't be reached.
    """
    known = _with_a_case(services, study_uids)
    sightings = (_sighting(services, study_uid, known.get(study_uid)) for study_uid in study_uids)
    return [sighting for sighting in sightings if sighting is not None]


def _with_a_case(services: Services, study_uids: list[str]) -> dict[str, SubKeys]:
    """Return the studies that have a case already, and the key that named them; nobody has to ask again whose they are.

    One that has cases under two keys is left out: its images say which of them is meant.
    """
    named = {uid_under(keys, study_uid): (study_uid, keys) for keys in services.keys.all for study_uid in study_uids}
    with services.sessions() as session:
        found = [named[uid] for uid in store.study_uids_with_a_case(session, named)]
    times = Counter(study_uid for study_uid, _ in found)
    return {study_uid: keys for study_uid, keys in found if times[study_uid] == 1}


def _sighting(services: Services, study_uid: str, known: SubKeys | None) -> Sighting | None:
    """Look at one study; what is wrong with it stays with it, and those behind it are looked at all the same.

    A case is opened whatever the archive can tell: without one the study would be lost unseen. One that the archive
    can't even list counts no images yet; `settle` asks for it again, less and less often, and quarantines it in the
    end.
    """
    try:
        study = services.clinical.study(study_uid)
        if study is None or not study.images:
            return None
    except (Transient, InputRejected, *UNREADABLE) as error:
        _require_archive(services, error)
        log.warning("study can't be listed", step=_STEP)
        study = ClinicalStudy(study_uid, frozenset(), ())
    if known is not None:
        images = ImageDigests(services.clinical, study, known.uid)
        return Sighting(uid_under(known, study_uid), study.image_count, study.ignored_count, images)
    try:
        content = services.clinical.instance(study.images[0].instances[0]) if study.images else b""
        return _described(services, study, *identity_at_sight(content, study))
    except (Transient, InputRejected, *UNREADABLE) as error:
        _require_archive(services, error)
        log.warning("study has an unusual header", step=_STEP)
        return _described(services, study, *identity_at_sight(b"", study))


def _require_archive(services: Services, error: Exception) -> None:
    """Raise what failed again if the whole archive is away, not just one study's image unreadable."""
    if isinstance(error, Transient) and not services.clinical.answers():
        raise error


def _described(services: Services, study: ClinicalStudy, identity: PatientIdentity, header: Dataset) -> Sighting:
    pseudonymiser = services.pseudonymiser
    first = FirstSight(
        record=record_at_sight(header, identity, study.study_instance_uid, pseudonymiser),
        readable_name=pseudonymiser.readable_name(identity),
        study_date_shifted=shifted_study_date(header, pseudonymiser.shift_days(identity)),
    )
    return Sighting(
        study_uid=first.record.study_instance_uid,
        image_count=study.image_count,
        ignored_count=study.ignored_count,
        images=ImageDigests(services.clinical, study, pseudonymiser.subkeys(identity).uid),
        first=first,
    )
