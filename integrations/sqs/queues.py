"""The number of messages in each queue, for metrics and the admin's queues page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.sqs import client, current
from integrations.sqs.topology import Queue, Topology

_COUNTERS = {
    "visible": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """SQS's approximate message counts. Messages that wait for a retry count as in flight."""

    queue: Queue
    visible: int
    in_flight: int
    delayed: int
    dead: int


def depths(*, topology: Topology | None = None) -> tuple[Depth, ...]:
    """One row per queue, in the topology's order. Raises SqsUnavailable, also if a queue is missing."""
    topology = topology or current.topology()
    return tuple(_depth(topology, queue) for queue in topology.queues)


def _depth(topology: Topology, queue: Queue) -> Depth:
    source = _counts(topology, topology.physical_name(queue))
    dead = _counts(topology, topology.dead_letter_physical_name(queue))
    return Depth(queue=queue, dead=sum(dead.values()), **source)


def _counts(topology: Topology, physical_name: str) -> Mapping[str, int]:
    with client.unavailable_when_away():
        answer = client.client(topology).get_queue_attributes(
            QueueUrl=client.queue_url(topology, physical_name), AttributeNames=list(_COUNTERS.values())
        )
    return {name: int(answer["Attributes"][attribute]) for name, attribute in _COUNTERS.items()}
