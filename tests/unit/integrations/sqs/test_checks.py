from __future__ import annotations

from typing import Any

import pytest

from integrations.sqs import checks, provisioning
from integrations.sqs.topology import Topology


def test_the_default_topology_passes() -> None:
    assert not list(checks.check_timeouts(Topology()))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"provider_timeouts": 60}, "soft time limit (60 s) must be longer than the providers' timeouts (60 s)"),
        ({"visibility_timeout": 20}, "soft time limit (18 s) must be longer than the providers' timeouts (45 s)"),
    ],
)
def test_limits_in_the_wrong_order_are_reported(options: dict[str, int], said: str) -> None:
    problems = list(checks.check_timeouts(Topology(**options)))  # type: ignore[arg-type]
    assert any(problem.startswith("AccountQueue: ") and said in problem for problem in problems), problems


def test_a_missing_queue_and_a_wrong_receive_count_are_reported(sqs: Any, topology: Topology, queue: Any) -> None:
    assert "does not exist" in next(iter(checks.check_redrive(topology, [queue])))
    list(provisioning.provision(topology))
    longer = Topology(prefix="unit-", ladder=(1, 2, 3, 4), queues=(queue,))
    assert "maxReceiveCount is 4, not 5" in next(iter(checks.check_redrive(longer, [queue])))


def test_a_deleted_dead_letter_queue_is_reported(sqs: Any, topology: Topology) -> None:
    list(provisioning.provision(topology))
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="unit-ChargesQueue-dlq")["QueueUrl"])
    assert list(checks.check_redrive(topology, topology.queues)) == [
        "unit-ChargesQueue: its dead-letter queue does not exist; run manage.py provision_queues"
    ]
    list(provisioning.provision(topology))
    assert not list(checks.check_redrive(topology, topology.queues))
