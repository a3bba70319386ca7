from __future__ import annotations

from gateway.review.visits import Comparison, ImageKind, chain, review_images
from processing.domain.messages import JobOrder, JobOutcome, OutcomeStatus, StoredObject, StudyOrder
from processing.domain.study import SeriesRole

FLAIR, T1, T2 = SeriesRole.FLAIR, SeriesRole.T1, SeriesRole.T2
EVERYTHING = ("segmentation", "registered prior", "subtraction", "registration")


def comparison(later: str, earlier: str, *, kinds: tuple[str, ...] = EVERYTHING, prior_flair: str = "") -> Comparison:
    """A job that compared two visits; a visit's series are named after it."""

    def study(visit: str, *roles: SeriesRole) -> StudyOrder:
        return StudyOrder(study_instance_uid=visit, series={role: f"{visit}/{role}" for role in roles})

    prior = study(earlier, FLAIR, T1)
    if prior_flair:
        prior = prior.model_copy(update={"series": {FLAIR: prior_flair}})
    order = JobOrder(
        job_id=f"{later}-{earlier}",
        case_id=later,
        attempt=1,
        pipeline="ms_longitudinal",
        version="1",
        current=study(later, T2, FLAIR, T1),
        prior=prior,
    )
    objects = tuple(
        StoredObject(
            kind=kind, sop_class_uid="", study_instance_uid=later, series_instance_uid=kind, sop_instance_uid=kind
        )
        for kind in kinds
    )
    return Comparison(order, JobOutcome(job_id="j", attempt=1, status=OutcomeStatus.SUCCEEDED, objects=objects))


def test_every_routed_series_of_both_visits_can_be_shown() -> None:
    images = review_images(comparison("2024", "2023"))
    assert list(images) == [
        "current",
        "current-T1",
        "current-T2",
        "prior",
        "prior-T1",
        "current-T1-own",
        "current-T2-own",
        "prior-own",
        "prior-T1-own",
        "subtraction",
        "lesions",
    ]
    assert [image.visit for image in images.values()] == [0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0]
    assert images["current-T2"].series_instance_uid == "2024/T2"
    assert images["lesions"].kind is ImageKind.LESIONS


def test_an_earlier_visit_is_reached_through_each_registration_in_turn() -> None:
    newest, middle, oldest = comparison("2024", "2023"), comparison("2023", "2022"), comparison("2022", "2021")
    links = chain(newest, [middle, oldest])
    images = review_images(newest, links)
    assert images["earlier-2-T1"].series_instance_uid == "2021/T1"
    assert images["earlier-2-T1"].through == (newest, middle, oldest)
    assert images["prior-T1"].through == (newest,)
    assert images["current-T1"].through == ()


def test_a_chain_ends_where_one_link_is_not_of_the_same_images() -> None:
    newest, oldest = comparison("2024", "2023"), comparison("2022", "2021")
    assert chain(newest, [comparison("2023", "2022", kinds=("segmentation",)), oldest]) == ()
    repeated = comparison("2024", "2023", prior_flair="2023/another FLAIR")
    assert chain(repeated, [comparison("2023", "2022"), oldest]) == ()


def test_without_a_registered_prior_there_is_no_prior_to_show() -> None:
    assert list(review_images(comparison("2024", "2023", kinds=()))) == [
        "current",
        "current-T1",
        "current-T2",
        "current-T1-own",
        "current-T2-own",
        "lesions",
    ]
