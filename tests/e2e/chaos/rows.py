"""What the database says at the end, read once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import select

from gateway.db.engine import make_engine, session_factory
from gateway.db.tables import Case, Delivery, Event, Job, OutboxMessage, Series


@dataclass(frozen=True)
class Rows:
    """The rows of every case, by its id; revisions of one study are told apart by their number."""

    cases: dict[str, Case]
    events: dict[str, list[Event]]
    jobs: dict[str, list[Job]]
    deliveries: dict[str, list[Delivery]]
    series: dict[str, list[Series]]
    unsent: list[OutboxMessage]

    def revisions(self, case_id: str) -> list[Case]:
        """All revisions of a case's study, the first one first."""
        study_uid = self.cases[case_id].study_uid
        return sorted((case for case in self.cases.values() if case.study_uid == study_uid), key=lambda c: c.revision)


def read_rows(database_url: str) -> Rows:
    """Read all that the audit looks at."""
    engine = make_engine(database_url)
    try:
        with session_factory(engine, read_only=True)() as session:
            rows = Rows(
                {case.case_id: case for case in session.scalars(select(Case))},
                defaultdict(list),
                defaultdict(list),
                defaultdict(list),
                defaultdict(list),
                list(session.scalars(select(OutboxMessage).where(OutboxMessage.sent_at.is_(None)))),
            )
            for event in session.scalars(select(Event).order_by(Event.event_id)):
                rows.events[event.case_id].append(event)
            for job in session.scalars(select(Job).order_by(Job.number)):
                rows.jobs[job.case_id].append(job)
            for delivery in session.scalars(select(Delivery).order_by(Delivery.delivery_id)):
                rows.deliveries[delivery.case_id].append(delivery)
            for series in session.scalars(select(Series)):
                rows.series[series.case_id].append(series)
            session.expunge_all()
            return rows
    finally:
        engine.dispose()
