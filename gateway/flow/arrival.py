"""From images in the clinical archive to a complete study: every study gets a case, its identity goes to the vault."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.db.tables import Case
from gateway.flow.completeness import Patience, route_quiet_s, wait_for
from gateway.flow.images import ImageDigests, note_ignored
from gateway.flow.services import Services
from gateway.flow.sighting import FirstSight, Sighting, look_at
from gateway.flow.step import fail, try_later
from gateway.jobs import store
from gateway.jobs.revision import must_be_replaced, replace_revision
from gateway.log import get_logger
from gateway.receive.changes import Arrivals, next_arrivals, read_cursor, whole_archive, write_cursor
from gateway.receive.study import Arrival, is_quiet, what_arrived
from processing.dicom.unreadable import UNREADABLE
from processing.domain.case import CaseEvent, CaseState
from processing.domain.errors import Defect, InputRejected, Transient

log = get_logger(__name__)
ACTOR = "receive"
_STUDIES_PER_COMMIT = 50
_RECEIVING = (CaseState.RECEIVING,)


def follow_changes(services: Services) -> int:
    """Deal with everything that arrived since the last time.

    Returns
    -------
    int
        Number of studies that were looked at.

    Raises
    ------
    Transient
        If the archive can't be reached; the cursor stays where it is.
    """
    looked_at = 0
    more = True
    while more:
        with services.sessions() as session:
            cursor = read_cursor(session)
        arrivals = next_arrivals(services.clinical, cursor)
        if not arrivals.study_uids and arrivals.cursor == cursor:
            break
        if not _deal_with(services, arrivals, cursor):
            break
        looked_at += len(arrivals.study_uids)
        more = arrivals.more
    return looked_at


def reconcile(services: Services, recent: timedelta | None = None) -> int:
    """Compare the archive's studies with the cases, so that nothing is missed whatever happened to its changes.

    Parameters
    ----------
    services : Services
    recent : timedelta, optional
        Only studies that grew within this time; all without it.

    Returns
    -------
    int
        Number of studies that were looked at.
    """
    if recent is None:
        study_uids = whole_archive(services.clinical).study_uids
    else:
        study_uids = services.clinical.all_study_uids(updated_since=services.clock() - recent)
    _deal_with_in_parts(services, sorted(study_uids))
    return len(study_uids)


def settle(services: Services) -> int:
    """Let studies be complete for which no image came for the quiet time of their route, and that lack nothing.

    The archive is asked once more before, and the archive's own count decides: its "stable" events may never come. A
    study that lacks a required series, or slices of it, is waited for, and says what it lacks; when the longest wait
    is over it is complete with what it has.

    Returns
    -------
    int
        Number of studies that became complete.
    """
    now = services.clock()
    shortest = min((route_quiet_s(route, services) for route in services.routes.routes), default=0.0)
    with services.sessions() as session:
        cases = [session.get_one(Case, case_id) for case_id in store.due_cases(session, [CaseState.RECEIVING], now=now)]
        quiet = [case for case in cases if is_quiet(case.last_image_at, now, shortest)]
    return sum(_settle_or_fail(services, case.case_id, case.study_uid) for case in quiet)


def _settle_or_fail(services: Services, case_id: str, study_uid: str) -> bool:
    """Settle one study; what is wrong with it stays with it."""
    try:
        return _settle_one(services, case_id, study_uid)
    except Transient as error:
        if not services.clinical.answers():
            raise
        try_later(services, case_id, ACTOR, error.reason, states=_RECEIVING)
    except KeyError:
        fail(services, case_id, ACTOR, "The vault holds no entry for this study.", states=_RECEIVING)
    except (InputRejected, Defect) as error:
        fail(services, case_id, ACTOR, error.reason, states=_RECEIVING)
    except UNREADABLE:
        log.exception("study can't be understood", step=ACTOR, case_id=case_id)
        fail(
            services,
            case_id,
            ACTOR,
            "The clinical archive's description of the study can't be understood.",
            states=_RECEIVING,
        )
    return False


def _settle_one(services: Services, case_id: str, study_uid: str) -> bool:
    record = services.vault.get(study_uid)
    study = services.clinical.study(record.original_study_instance_uid)
    seen = study.image_count if study is not None else 0
    patience = wait_for(services, study)
    images = ImageDigests(services.clinical, study, services.pseudonymiser.subkeys(record.identity).uid)
    images.look()
    with services.sessions.begin() as session:
        case = store.locked_case(session, case_id)
        if case is None or case.state != CaseState.RECEIVING.value:
            return False
        if seen > case.instance_count:
            _take_more(case, seen, services)
            return False
        if not _over(case, patience, services):
            return False
        case.instance_count = seen
        images.note(session, case)
        note_ignored(session, case, study.ignored_count if study is not None else 0, services.clock())
        detail = f"{seen} images" + (f"; nothing more came: {patience.missing}" if patience.missing else "")
        store.record(session, case, CaseEvent.QUIET, actor=ACTOR, detail=detail, at=services.clock())
    log.info("study complete", case_id=case_id, count=seen)
    return True


def _over(case: Case, patience: Patience, services: Services) -> bool:
    """Whether a study has been waited for long enough; otherwise the case says for what, and until when it rests."""
    now = services.clock()
    wait_s = max(patience.quiet_s, patience.longest_s if patience.missing else 0.0)
    if is_quiet(case.last_image_at, now, wait_s):
        return True
    if patience.missing and is_quiet(case.last_image_at, now, patience.quiet_s):
        local = case.last_image_at.astimezone(services.settings.zone)
        case.reason = f"Waiting: {patience.missing} The last image came on {local:%Y-%m-%d} at {local:%H:%M}."
        case.not_before = case.last_image_at + timedelta(seconds=wait_s)
    return False


def _deal_with(services: Services, arrivals: Arrivals, cursor: int | None) -> bool:
    """Bring the cases up to date and move the cursor; False when another process did it at the same time."""
    study_uids = sorted(arrivals.study_uids)
    first, last = study_uids[:-_STUDIES_PER_COMMIT], study_uids[-_STUDIES_PER_COMMIT:]
    try:
        _deal_with_in_parts(services, first)
        sightings = look_at(services, last)
        with services.sessions.begin() as session:
            if read_cursor(session) != cursor:
                return False
            for sighting in sightings:
                _note(session, services, sighting)
            write_cursor(session, arrivals.cursor)
    except IntegrityError:
        # Another process entered the same study or the first cursor in this moment; what it wrote is as good.
        log.info("arrivals were noted by another process", step=ACTOR)
        return False
    return True


def take_note(services: Services, study_uids: list[str]) -> None:
    """Look at studies at once, without waiting for the archive's list of changes."""
    _deal_with_in_parts(services, study_uids)


def _deal_with_in_parts(services: Services, study_uids: list[str]) -> None:
    for start in range(0, len(study_uids), _STUDIES_PER_COMMIT):
        sightings = look_at(services, study_uids[start : start + _STUDIES_PER_COMMIT])
        with services.sessions.begin() as session:
            for sighting in sightings:
                _note(session, services, sighting)


def _note(session: Session, services: Services, sighting: Sighting) -> None:
    """Make the case of a study fit what was seen of it."""
    case = store.newest_revision(session, sighting.study_uid)
    if case is None:
        if sighting.first is None:
            raise Transient("A study's case was removed in the moment in which more of it came.")
        try:
            services.vault_in(session).put(sighting.first.record)
        except (InputRejected, Defect):
            # The vault holds the study as another patient's, or its row does not open. The next step will say so.
            log.exception("vault contradicts the archive", step=ACTOR)
        _open_case(session, services, sighting.first, sighting.image_count)
        return
    known, seen = case.instance_count, sighting.image_count
    note_ignored(session, case, sighting.ignored_count, services.clock())
    receiving = case.state == CaseState.RECEIVING.value
    others = sighting.images.new_to(session, case) if sighting.images is not None and not receiving else None
    arrival = Arrival.NOTHING
    if seen:
        replaced = must_be_replaced(case)
        # Where it is known which images the case has, those that it does not have count, not how many there are.
        counted = seen if others is None else known + others
        arrival = what_arrived(CaseState(case.state), known, counted, replaced=replaced)
    # What was removed may be fetched again: the number that the case was completed with stays what it is.
    more = f"{others if others is not None else seen - known} more images"
    if arrival is Arrival.GROWN:
        if not receiving:
            store.record(session, case, CaseEvent.IMAGES_RECEIVED, actor=ACTOR, detail=more, at=services.clock())
        _take_more(case, seen, services)
    elif arrival is Arrival.LATE:
        detail = f"{more} arrived; revision {case.revision + 1} replaces this one."
        case.instance_count = seen
        newer = replace_revision(session, case, actor=ACTOR, detail=detail, at=services.clock())
        log.info("case opened", case_id=newer.case_id, count=seen)


def _take_more(case: Case, seen: int, services: Services) -> None:
    case.instance_count = seen
    case.last_image_at = services.clock()
    case.not_before = None
    case.reason = ""


def _open_case(session: Session, services: Services, first: FirstSight, image_count: int) -> None:
    case = store.new_case(
        session,
        study_uid=first.record.study_instance_uid,
        revision=1,
        pseudonym=first.record.pseudonym,
        readable_name=first.readable_name,
        study_date_shifted=first.study_date_shifted,
        instance_count=image_count,
        at=services.clock(),
    )
    log.info("case opened", case_id=case.case_id, count=image_count)
