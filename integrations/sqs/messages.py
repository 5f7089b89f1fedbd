"""The body of an SQS message, as our own workers read it."""

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
    """The text to hand to SendMessage. Ids and dates in ``kwargs`` become JSON scalars.

    ``headers`` (a request id, say) reach the task as attributes of ``self.request``. Raises TypeError for an argument
    that no message may carry, UnknownTask if nobody registered the task.
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
    """A channel that hands back what it was to send: kombu's own envelope, and no network."""

    do_restore = False

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> dict[str, Any]:
        return message


class _Transport(virtual.Transport):  # type: ignore[misc]
    Channel = _Envelopes


@cache
def _publisher() -> Any:
    return kombu.Producer(kombu.Connection(transport=_Transport).channel(), auto_declare=False)
