"""The body of an SQS message, in the format that the workers read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import celery
import kombu
from kombu.asynchronous.aws.sqs.message import AsyncMessage
from kombu.transport import virtual
from kombu.utils.json import dumps

from integrations.sqs import arguments, tasks


def encode(*, task_name: str, task_id: str, kwargs: Mapping[str, Any], headers: Mapping[str, Any] | None = None) -> str:
    """The body for SendMessage. Ids and dates in ``kwargs`` become JSON scalars.

    ``headers``, such as a request id, reach the task as attributes of ``self.request``. Raises TypeError if an argument
    is not an id or a small scalar, and UnknownTask.
    """
    queue = tasks.queue_for(task_name)
    message = celery.current_app.amqp.as_task_v2(
        str(task_id), task_name, kwargs=arguments.as_json_scalars(kwargs), ignore_result=None
    )
    envelope = _publisher().publish(
        message.body,
        routing_key=queue.name,
        serializer="json",
        headers={**message.headers, **(headers or {})},
        **message.properties,
    )
    text: str = AsyncMessage().encode(dumps(envelope))
    return text


class _Envelopes(virtual.Channel):  # type: ignore[misc]
    """A channel that returns kombu's envelope instead of sending it."""

    do_restore = False

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> dict[str, Any]:
        return message


class _Transport(virtual.Transport):  # type: ignore[misc]
    Channel = _Envelopes


@cache
def _publisher() -> Any:
    return kombu.Producer(kombu.Connection(transport=_Transport).channel(), auto_declare=False)
