from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.sqs import checks, provisioning
from integrations.sqs.topology import QUEUES, Topology


def _attributes(sqs: Any, name: str) -> dict[str, str]:
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    attributes: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return attributes


def test_all_queues_are_created_once(sqs: Any) -> None:
    everything = Topology(prefix="all-")
    first = list(provisioning.provision(everything))
    assert {finding.name for finding in first} == set(everything.physical_names())
    assert all(finding.missing for finding in first)
    assert all(finding.in_order for finding in provisioning.provision(everything))
    assert not list(checks.check_redrive(everything, QUEUES))
    dead = _attributes(sqs, "all-ChargesQueue-dlq")
    assert dead["MessageRetentionPeriod"] == "1209600"
    assert json.loads(dead["RedriveAllowPolicy"])["sourceQueueArns"] == [
        _attributes(sqs, "all-ChargesQueue")["QueueArn"]
    ]


def test_drift_is_reported_and_corrected(sqs: Any, topology: Topology) -> None:
    list(provisioning.provision(topology))
    url = sqs.get_queue_url(QueueName="unit-ChargesQueue")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "5", "RedrivePolicy": ""})
    seen = next(iter(provisioning.inspect(topology)))
    assert set(seen.drift) == {"VisibilityTimeout", "RedrivePolicy"}
    assert "VisibilityTimeout 5 -> 60" in str(seen)
    assert list(checks.check_redrive(topology, topology.queues)) == [
        "unit-ChargesQueue: the queue has no redrive policy; run manage.py provision_queues"
    ]
    list(provisioning.provision(topology))
    assert all(finding.in_order for finding in provisioning.inspect(topology))


@pytest.mark.parametrize(
    ("attribute", "found", "wanted"),
    [
        ("RedrivePolicy", '{"deadLetterTargetArn": "ARN", "maxReceiveCount": 1}', None),
        ("VisibilityTimeout", "43200", "30"),
        ("DelaySeconds", "900", "0"),
    ],
)
def test_a_dead_letter_queue_with_wrong_attributes_is_corrected(
    sqs: Any, topology: Topology, attribute: str, found: str, wanted: str | None
) -> None:
    list(provisioning.provision(topology))
    url = sqs.get_queue_url(QueueName="unit-ChargesQueue-dlq")["QueueUrl"]
    found = found.replace("ARN", _attributes(sqs, "unit-ChargesQueue")["QueueArn"])
    sqs.set_queue_attributes(QueueUrl=url, Attributes={attribute: found})
    assert [list(finding.drift) for finding in provisioning.inspect(topology)] == [[], [attribute]]
    assert [finding.in_order for finding in provisioning.provision(topology)] == [True, False]
    assert all(finding.in_order for finding in provisioning.inspect(topology))
    assert _attributes(sqs, "unit-ChargesQueue-dlq").get(attribute) == wanted


def test_inspecting_changes_nothing(sqs: Any, topology: Topology) -> None:
    assert [finding.missing for finding in provisioning.inspect(topology)] == [True, True]
    assert not sqs.list_queues().get("QueueUrls")
