from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from integrations.sqs import acknowledgments, polling
from integrations.sqs.acknowledgments import AcknowledgingClient
from tests.support.sqs import FakeSqs, client_error, raw_message, receive


@pytest.mark.parametrize(
    "failure",
    [
        EndpointConnectionError(endpoint_url="x"),
        ReadTimeoutError(endpoint_url="x"),
        client_error("ServiceUnavailable", 503),
        client_error("AccessDenied", 403),
    ],
)
def test_a_failed_acknowledgment_frees_the_slot_and_is_sent_again(
    channel: Any, boto: FakeSqs, failure: Exception
) -> None:
    receive(channel, raw_message("r1"))
    boto.fails = failure
    channel.delivered[0].ack()
    assert channel.qos.can_consume_max_estimate() == 2
    assert channel.sqs().pending == 1
    boto.fails = None
    channel._on_messages_ready("http://sqs/Q", "Q", {})
    assert boto.given == [("delete", "r1")]
    assert channel.sqs().pending == 0


def test_while_polls_fail_acknowledgments_do_not_block(channel: Any, boto: FakeSqs) -> None:
    receive(channel, raw_message("r1"))
    channel._on_messages_ready("http://sqs/Q", "Q", polling.ReceiveFailed("hang", sqs_away=True))
    channel.delivered[0].ack()
    assert boto.given == []
    assert channel.sqs().pending == 1


def test_an_acknowledgment_that_sqs_rejects_is_dropped(channel: Any, boto: FakeSqs) -> None:
    receive(channel, raw_message("r1"))
    boto.fails = client_error("ReceiptHandleIsInvalid")
    channel.delivered[0].ack()
    assert channel.sqs().pending == 0


def test_the_time_spent_pending_shortens_the_visibility_timeout(boto: FakeSqs, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(acknowledgments, "time", SimpleNamespace(monotonic=lambda: now[0]))
    client = AcknowledgingClient(boto, later=lambda *_: None)
    boto.fails = ReadTimeoutError(endpoint_url="x")
    client.change_message_visibility(QueueUrl="q", ReceiptHandle="r", VisibilityTimeout=60)
    boto.fails = None
    now[0] += 45
    client.send_pending()
    assert boto.given == [("show", "r", 15)]


def test_at_shutdown_pending_acknowledgments_are_sent_unless_one_just_failed(boto: FakeSqs) -> None:
    client = AcknowledgingClient(boto, later=lambda *_: None)
    boto.fails = ReadTimeoutError(endpoint_url="x")
    client.delete_message(QueueUrl="q", ReceiptHandle="r")
    boto.fails = None
    client.send_last()
    assert boto.given == []
    client._last_failure_at -= acknowledgments.MIN_SECONDS_BEFORE_LAST_ATTEMPT
    client.send_last()
    assert boto.given == [("delete", "r")]


def test_a_closing_channel_sends_its_pending_acknowledgments(channel: Any, boto: FakeSqs) -> None:
    receive(channel, raw_message("r1"))
    channel.sqs().sqs_is_away()
    channel.delivered[0].ack()
    assert boto.given == []
    channel.close()
    assert boto.given == [("delete", "r1")]
