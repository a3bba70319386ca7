"""The gateway at the broker: the queue that it takes from, and those that it sends to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celery import Celery
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError

from processing.broker import celery_options, redis_options
from processing.domain.errors import Transient
from processing.domain.messages import GATEWAY_QUEUE

app = Celery("gateway")
app.conf.update(
    **celery_options(GATEWAY_QUEUE),
    broker_transport_options=redis_options(600, keys="gateway"),
)


def send_to_broker(queue: str, task: str, body: Mapping[str, Any]) -> None:
    """Send a message to a queue; raises Transient when the broker can't be reached."""
    try:
        app.send_task(task, args=[dict(body)], queue=queue, retry=False)
    except (OperationalError, RedisError, OSError) as error:
        raise Transient("The message broker can't be reached.") from error


def waiting_in_broker(queue: str) -> int:
    """Return how many messages wait in a queue; raises Transient when the broker can't be reached."""
    try:
        with app.connection_for_read() as connection:
            return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:
        return 0  # nobody ever sent anything there
    except (OperationalError, RedisError, OSError) as error:
        raise Transient("The message broker can't be reached.") from error
