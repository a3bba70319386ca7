"""Whether the worker of this host answers at the broker: ``python -m processing.worker.healthy``, for health checks."""

from __future__ import annotations

import sys

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from processing.worker.settings import WorkerSettings

_ANSWERS_WITHIN_S = 5.0


def main() -> int:
    """Ask; the exit status is 0 when it answers."""
    settings = WorkerSettings()
    asking = Celery("healthy", broker=settings.broker, set_as_current=False)
    asking.conf.update(broker_transport_options={"socket_connect_timeout": _ANSWERS_WITHIN_S})
    try:
        answers = asking.control.ping(destination=[settings.worker_name], timeout=_ANSWERS_WITHIN_S)
    except (OperationalError, RedisError, OSError):
        return 1
    return 0 if answers else 1


if __name__ == "__main__":
    sys.exit(main())
