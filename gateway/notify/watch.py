"""Who is told when: once when something has been wrong for a while, again each day, and when it is over.

What is wrong stands in the database, so that a restart tells nobody twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.db.tables import OpenAlert
from gateway.flow import Services
from gateway.log import get_logger
from gateway.notify.conditions import Wrong, all_wrong
from gateway.notify.messages import Alert, Status
from gateway.notify.send import Channel
from processing.domain.errors import Transient

log = get_logger(__name__)


def watch(services: Services, channels: Sequence[Channel]) -> int:
    """Look at everything once, and tell what is due; returns how many alerts went out on every channel."""
    with services.sessions() as session:
        wrong = all_wrong(services, session)
    now = services.clock()
    with services.sessions.begin() as session:
        due = _note(session, services, wrong, now)
    return sum(_tell(services, channels, alert, now) for alert in due)


def _note(session: Session, services: Services, wrong: Sequence[Wrong], now: datetime) -> list[Alert]:
    """Bring the open alerts up to date; return what somebody must be told now."""
    settings = services.settings
    rows = {row.name: row for row in session.scalars(select(OpenAlert))}
    due = []
    for one in wrong:
        row = rows.pop(one.name, None)
        if row is None:
            row = OpenAlert(name=one.name, since=now, words=one.words, told_at=None)
            session.add(row)
        row.words = one.words
        if row.told_at is None and now - row.since >= timedelta(seconds=settings.alert_after_s):
            due.append(Alert(row.name, row.words, row.since, Status.WRONG))
        elif row.told_at is not None and now - row.told_at >= timedelta(hours=settings.alert_again_h):
            due.append(Alert(row.name, row.words, row.since, Status.STILL_WRONG))
    for row in rows.values():
        if row.told_at is None:
            session.delete(row)
        else:
            due.append(Alert(row.name, row.words, row.since, Status.OVER))
    return due


def _tell(services: Services, channels: Sequence[Channel], alert: Alert, now: datetime) -> bool:
    """Tell one alert on every channel; only what went out on all of them is not told again."""
    reached = True
    for channel in channels:
        try:
            channel.send(alert)
        except Transient:
            log.warning("alert not sent", step="alerts", error=type(channel).__name__)
            reached = False
    if not reached:
        return False
    with services.sessions.begin() as session:
        row = session.get(OpenAlert, alert.name)
        if row is not None and alert.status is Status.OVER:
            session.delete(row)
        elif row is not None:
            row.told_at = now
    log.warning("alert", step="alerts", state=alert.status.value)
    return True
