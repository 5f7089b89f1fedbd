from __future__ import annotations

from typing import Any

import pytest

from integrations.sqs import provisioning, queues
from integrations.sqs.client import SqsUnavailable
from integrations.sqs.topology import Queue, Topology


def test_messages_are_counted_by_their_state(sqs: Any, topology: Topology, queue: Queue) -> None:
    list(provisioning.provision(topology))
    source, dead = (sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in topology.physical_names())
    for _ in range(3):
        sqs.send_message(QueueUrl=source, MessageBody="x")
    sqs.send_message(QueueUrl=source, MessageBody="later", DelaySeconds=60)
    sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=1)
    sqs.send_message(QueueUrl=dead, MessageBody="x")
    assert queues.depths(topology=topology) == (
        queues.Depth(queue=queue, visible=2, in_flight=1, delayed=1, dead=1),
    )


def test_a_missing_queue_is_reported_as_unavailable(sqs: Any, topology: Topology) -> None:
    with pytest.raises(SqsUnavailable):
        queues.depths(topology=topology)
