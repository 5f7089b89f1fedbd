from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from integrations.sqs.deliveries import Delivery


@pytest.mark.parametrize(
    ("sqs_message", "message_id", "receive_count"),
    [
        ({"MessageId": "m-1", "Attributes": {"ApproximateReceiveCount": "3"}}, "m-1", 3),
        ({"MessageId": "m-1", "Attributes": {"ApproximateReceiveCount": "0"}}, "m-1", 1),
        ({"MessageId": "m-1", "Attributes": {}}, "m-1", 1),
        ({}, "", 1),
    ],
)
def test_a_delivery_is_read_from_the_message_of_sqs(
    sqs_message: dict[str, Any], message_id: str, receive_count: int
) -> None:
    delivery = Delivery.from_sqs(sqs_message)
    assert (delivery.message_id, delivery.receive_count) == (message_id, receive_count)
    assert (delivery.visible_in, delivery.dead) == (None, False)


def test_the_request_and_the_channel_see_the_same_delivery() -> None:
    delivery = Delivery(message_id="m-1", receive_count=2)
    info: dict[str, Any] = {"routing_key": "ChargesQueue"}
    delivery.attach(info)
    assert Delivery.of(SimpleNamespace(delivery_info=info)) is delivery
    assert info["routing_key"] == "ChargesQueue"


@pytest.mark.parametrize("info", [None, {}, {"sqs_delivery": "text"}], ids=str)
def test_a_message_of_another_channel_counts_as_received_once(info: dict[str, Any] | None) -> None:
    assert Delivery.of(SimpleNamespace(delivery_info=info)) == Delivery(message_id="", receive_count=1)
