from __future__ import annotations

import socket
from typing import Any

import pytest

from integrations.sqs import client, provisioning, sender
from integrations.sqs.client import SqsUnavailable
from integrations.sqs.queues import depths
from integrations.sqs.sender import OutgoingMessage
from integrations.sqs.topology import Queue, Topology


def _entries(count: int, size: int = 10) -> list[OutgoingMessage]:
    return [OutgoingMessage(id=f"row-{index}", body="x" * size, group=f"g{index % 3}") for index in range(count)]


@pytest.fixture
def calls(sqs: Any, topology: Topology, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    list(provisioning.provision(topology))
    made: list[dict[str, Any]] = []
    stock = sqs.send_message_batch

    def send(**call: Any) -> Any:
        made.append(call)
        return stock(**call)

    monkeypatch.setattr(sqs, "send_message_batch", send)
    return made


def test_a_call_sends_up_to_ten_messages_with_their_groups(calls: Any, topology: Topology, queue: Queue) -> None:
    result = sender.send_batch(queue, _entries(23), topology=topology)
    assert [len(call["Entries"]) for call in calls] == [10, 10, 3]
    assert result.sent == [f"row-{index}" for index in range(23)]
    assert not result.failed
    assert calls[0]["Entries"][1]["MessageGroupId"] == "g1"
    assert depths(topology=topology)[0].visible == 23


def test_groups_can_be_turned_off(calls: Any, queue: Queue) -> None:
    plain = Topology(prefix="unit-", fair_queues=False, queues=(queue,))
    sender.send_batch(queue, _entries(1), topology=plain)
    assert "MessageGroupId" not in calls[0]["Entries"][0]


def test_a_call_sends_up_to_one_mebibyte(calls: Any, topology: Topology, queue: Queue) -> None:
    result = sender.send_batch(queue, _entries(3, size=400_000), topology=topology)
    assert [len(call["Entries"]) for call in calls] == [2, 1]
    assert len(result.sent) == 3


def test_a_message_that_is_too_large_fails_alone(calls: Any, topology: Topology, queue: Queue) -> None:
    large = OutgoingMessage(id="large", body="é" * 600_000)
    result = sender.send_batch(queue, [large, *_entries(1)], topology=topology)
    assert result.sent == ["row-0"]
    assert result.failed["large"].sender_fault


def test_a_delay_is_limited_to_the_maximum_of_sqs(calls: Any, topology: Topology, queue: Queue) -> None:
    sender.send_batch(queue, [OutgoingMessage(id="a", body="x", delay=5000)], topology=topology)
    assert calls[0]["Entries"][0]["DelaySeconds"] == 900


def test_rejected_entries_are_reported_with_their_reason(
    calls: Any, topology: Topology, queue: Queue, sqs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {
        "Successful": [{"Id": "0"}],
        "Failed": [{"Id": "1", "SenderFault": False, "Code": "InternalError", "Message": "try again"}],
    }
    monkeypatch.setattr(sqs, "send_message_batch", lambda **_: answer)
    result = sender.send_batch(queue, _entries(2), topology=topology)
    assert result.sent == ["row-0"]
    assert result.failed == {"row-1": sender.Failure("InternalError: try again", sender_fault=False)}


def test_a_missing_queue_is_reported_as_unavailable(sqs: Any, topology: Topology, queue: Queue) -> None:
    with pytest.raises(SqsUnavailable, match="does not exist"):
        sender.send_batch(queue, _entries(1), topology=topology)


def test_an_unreachable_endpoint_is_soon_unavailable(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = Topology(endpoint_url=f"http://127.0.0.1:{closed.getsockname()[1]}", queues=(queue,))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        with pytest.raises(SqsUnavailable):
            sender.send_batch(queue, _entries(1), topology=away)


def test_messages_sent_before_an_outage_count_as_sent(
    calls: Any, topology: Topology, queue: Queue, sqs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = sqs.send_message_batch

    def twice(**call: Any) -> Any:
        if len(calls) == 1:
            raise client.BotoCoreError
        return counted(**call)

    monkeypatch.setattr(sqs, "send_message_batch", twice)
    result = sender.send_batch(queue, _entries(12), topology=topology)
    assert len(result.sent) == 10
    assert set(result.failed) == {"row-10", "row-11"}
