from __future__ import annotations

import json

import pytest

from integrations.sqs import topology as subject
from integrations.sqs.topology import CHARGES, QUEUES, InvalidTopology, Topology


def test_the_seven_queues_have_their_names() -> None:
    assert [queue.name for queue in QUEUES] == [
        "AccountQueue", "EmailsQueue", "OrdersQueue", "ChargesQueue", "SmsQueue", "BrevoQueue", "DixaQueue",
    ]  # fmt: skip
    assert CHARGES.dead_letter_name == "ChargesQueue-dlq"


def test_the_receive_count_is_one_more_than_the_steps_of_the_ladder() -> None:
    for steps in (1, 2, 3, 9):
        attributes = Topology(ladder=(1,) * steps).source_attributes(CHARGES, dead_letter_arn="arn:dlq")
        assert json.loads(attributes["RedrivePolicy"])["maxReceiveCount"] == steps + 1


def test_a_message_is_received_four_times_by_default() -> None:
    attributes = Topology().source_attributes(CHARGES, dead_letter_arn="arn:dlq")
    assert json.loads(attributes["RedrivePolicy"]) == {"deadLetterTargetArn": "arn:dlq", "maxReceiveCount": 4}


def test_queue_names_start_with_the_prefix() -> None:
    names = list(Topology(prefix="dev-").physical_names())
    assert names[0] == "dev-AccountQueue"
    assert names[-1] == "dev-DixaQueue-dlq"
    assert len(names) == len(set(names)) == 14


def test_the_maximum_life_of_a_message_adds_up_steps_and_receives() -> None:
    assert Topology(ladder=(60, 300, 1500)).max_life_of(CHARGES) == 60 + 300 + 1500 + 4 * 180
    assert Topology(ladder=(1, 2), visibility_timeout=10).max_life_of(CHARGES) == 3 + 3 * 10


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)
@pytest.mark.parametrize("visibility", [None, 8, 3600])
def test_time_limits_stay_below_the_visibility_timeout(queue: subject.Queue, visibility: int | None) -> None:
    topology = Topology(visibility_timeout=visibility)
    assert (
        topology.visibility_timeout_of(queue) > topology.hard_time_limit_of(queue) > topology.soft_time_limit_of(queue)
    )


def test_dead_letters_are_kept_ten_days_longer_than_messages() -> None:
    topology = Topology()
    source = topology.source_attributes(CHARGES, dead_letter_arn="arn:dlq")
    dead = topology.dead_letter_attributes(source_arn="arn:source")
    assert source["MessageRetentionPeriod"] == str(4 * 86400)
    assert dead["MessageRetentionPeriod"] == str(14 * 86400)
    assert json.loads(source["RedrivePolicy"]) == {"deadLetterTargetArn": "arn:dlq", "maxReceiveCount": 4}
    assert json.loads(dead["RedriveAllowPolicy"]) == {
        "redrivePermission": "byQueue", "sourceQueueArns": ["arn:source"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"prefix": "a.b"}, "SQS_QUEUE_PREFIX"),
        ({"prefix": "x" * 51}, "SQS_QUEUE_PREFIX"),
        ({"ladder": ()}, "RETRY_LADDER"),
        ({"ladder": (0,)}, "RETRY_LADDER"),
        ({"ladder": (42_301,)}, "RETRY_LADDER"),
        ({"visibility_timeout": 2}, "VISIBILITY_TIMEOUT"),
        ({"visibility_timeout": 43_201}, "VISIBILITY_TIMEOUT"),
        ({"wait_time_seconds": 0}, "SQS_WAIT_SECONDS"),
        ({"wait_time_seconds": 21}, "SQS_WAIT_SECONDS"),
        ({"polling_interval": 0}, "polling_interval"),
    ],
)
def test_an_invalid_topology_names_the_variable(options: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidTopology, match=named):
        Topology(**options)  # type: ignore[arg-type]
