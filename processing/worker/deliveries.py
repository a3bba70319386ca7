"""How often an order was begun and never ended: one that kills its worker must not be handed out for ever.

Redis says that it delivers a message again, but not for which time, so the worker counts for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from redis import Redis
from redis.exceptions import RedisError

from processing.worker.log import get_logger

log = get_logger(__name__)

MOST_DEATHS = 3
"""Two may be bad luck: a machine that was switched off, or that ran out of memory because of another program."""


@contextmanager
def counted(broker_url: str, message: Mapping[str, object], *, forget_after_s: float) -> Iterator[int]:
    """Count a delivery of an order, and forget the order when it has ended in any way but its process's death.

    Parameters
    ----------
    broker_url : str
        Of the Redis that delivers the orders.
    message : mapping
        The order as it came; one that names no job is not counted.
    forget_after_s : float
        Must exceed the time after which the broker hands out an order whose whole worker is gone.

    Yields
    ------
    int
        How often the order killed its worker before; 0 while Redis can't be asked.
    """
    key = f"interval.begun.{message.get('job_id')}.{message.get('attempt')}"
    with Redis.from_url(broker_url, socket_connect_timeout=5, socket_timeout=5) as redis:
        try:
            with redis.pipeline() as both:
                both.incr(key)
                both.expire(key, int(forget_after_s))
                begun = int(both.execute()[0])
        except RedisError:
            log.warning("deliveries not counted")
            begun = 1
        try:
            yield begun - 1
        finally:
            with suppress(RedisError):
                redis.delete(key)
