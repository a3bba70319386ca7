"""Readers rate reference cases blind in a real browser, and an operator sees what drifts."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from demo.installation import REPOSITORY
from gateway.db.tables import Case, Job, Review
from gateway.flow import Services, release
from processing.domain.case import CaseState
from processing.domain.messages import JobOutcome
from tests.e2e.reading_room import reading_room, settings_in
from tests.unit.gateway.front import NOON, PASSWORD
from tests.unit.gateway.front_result import compare

RESULTS = 34
"""In use: 20 for the limits, and the last ten take twice as long."""


def results_in_use(services: Services) -> None:
    """Let an archived case have been measured again and again; the last results took twice as long."""
    chance = random.Random(7)  # noqa: S311 - figures, no secret
    with services.sessions.begin() as session:
        made = session.scalars(select(Job).order_by(Job.job_id)).first()
        prior = session.scalars(select(Case).where(Case.state == CaseState.RECEIVING.value)).first()
        assert made is not None
        assert prior is not None
        outcome = JobOutcome.model_validate(made.outcome)
        for number in range(RESULTS):
            took = chance.gauss(60, 4) * (2 if number >= RESULTS - 10 else 1)
            job_id = f"in-use-{number}"
            lasted = outcome.model_copy(update={"job_id": job_id, "duration_s": took})
            at = NOON + timedelta(days=number)
            session.add(
                Job(
                    job_id=job_id, case_id=prior.case_id, number=number + 1, created_at=at, finished_at=at,
                    order=made.order | {"job_id": job_id}, outcome=lasted.model_dump(mode="json"),
                )
            )  # fmt: skip
            session.flush()
            verdicts = {str(one.number): chance.choice(("accepted", "accepted", "rejected")) for one in outcome.lesions}
            session.add(
                Review(
                    job_id=job_id, acceptance="acceptable", rating=chance.choice((3, 4, 4, 5)), verdicts=verdicts,
                    reader="anna", signed_at=at,
                )
            )  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway with two results of reference cases."""
    folder = tmp_path_factory.mktemp("gateway")
    with reading_room(settings_in(folder), compare(folder), cases=2) as room:
        with room.services.sessions() as session:
            ready = session.scalars(select(Case.case_id).where(Case.state == CaseState.READY_FOR_REVIEW.value)).all()
        for number, case_id in enumerate(ready):
            release.mark_reference(
                room.services, case_id, dataset="site", name=f"case {number}", actor="otto", role="operator"
            )
        results_in_use(room.services)
        yield room.url


def test_readers_rate_blind_and_an_operator_sees_what_drifts(address: str, tmp_path: Path) -> None:
    npx = shutil.which("npx")
    assert npx is not None
    pictures = os.environ.get("SCREENSHOT_DIR", str(tmp_path))
    run = subprocess.run(
        (npx, "vitest", "run", "--config", "vitest.e2e.config.ts", "e2e/ratings.e2e.ts"),
        cwd=REPOSITORY / "viewer",
        env=dict(os.environ) | {"RATINGS_URL": address, "RATINGS_PASSWORD": PASSWORD, "SCREENSHOT_DIR": pictures},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
