"""Each of the transport's overrides, without a network. tests/integration/sqs tests them together."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import celery
import kombu
import pytest
from botocore.exceptions import ClientError

from integrations import backoff
from integrations.sqs import polling, transport
from integrations.sqs.deliveries import Delivery
from integrations.sqs.topology import Topology
from tests.support.sqs import FakeSqs, client_error, raw_message, receive


def test_the_versions_that_the_overrides_were_written_against() -> None:
    """On an upgrade, read again what each override in ``integrations/sqs`` names:

    kombu/transport/SQS/__init__.py (_on_messages_ready, _schedule_queue, _loop1, basic_ack, basic_reject,
    _has_redrive_policy, _message_to_python, _restore, _put, _update_queue_cache, _create_queue, asynsqs, QoS),
    kombu/asynchronous/aws/connection.py (_on_list_ready, AsyncHTTPSConnection.getrequest),
    kombu/asynchronous/aws/sqs/connection.py (receive_message), kombu/asynchronous/http/curl.py (_set_timeout),
    celery/worker/request.py (on_failure, on_retry, on_timeout, reject), celery/app/trace.py, celery/app/autoretry.py.
    Then take each override out in turn: its test must fail, or the override has had its day.
    """
    assert (celery.__version__, kombu.__version__) == ("5.7.0", "5.7.0")


# -- The poll


@pytest.mark.parametrize("answer", [[], polling.ReceiveFailed("503", sqs_away=True)])
def test_an_empty_response_polls_again(channel: Any, answer: Any) -> None:
    if answer == []:
        connection = object.__new__(polling.PollConnection)
        connection.sqs_connection = SimpleNamespace(meta=SimpleNamespace(service_model=None))
        answer = connection._on_list_ready("Q", [], "ReceiveMessage", _response(503))
    assert channel._on_messages_ready("http://sqs/Q", "Q", answer) == 0
    channel._loop1("Q", 0)
    assert channel.hub.later, "the next poll is scheduled"


def _response(status: int, error: str = "") -> Any:
    return SimpleNamespace(status=status, reason=error, read=lambda: b"", response=SimpleNamespace(error=error))


def test_polls_back_off_while_they_fail(channel: Any) -> None:
    for _ in range(8):
        channel._schedule_queue_asked = channel._backoff("Q").asking()
        channel._on_messages_ready("http://sqs/Q", "Q", polling.ReceiveFailed("503", sqs_away=True))
        channel._loop1("Q", 0)
    delays = [delay for delay, *_ in channel.hub.later]
    assert delays[0] <= backoff.FIRST_WAIT
    assert 0.5 * backoff.MAX_WAIT - 0.1 <= delays[-1] <= backoff.MAX_WAIT
    channel._on_messages_ready("http://sqs/Q", "Q", {})
    channel._loop1("Q", 0)
    assert channel.hub.later[-1][0] == 0.05


def test_an_error_before_the_poll_is_sent_backs_off(channel: Any, boto: FakeSqs) -> None:
    boto.fails = client_error("ExpiredToken", 403)
    channel._schedule_queue("Q")
    assert channel._backoff("Q").is_failing
    assert channel.hub.later


def test_polling_pauses_without_a_free_slot(channel: Any) -> None:
    receive(channel, raw_message("r1", message_id="m1"), raw_message("r2", message_id="m2"))
    channel._schedule_queue("Q")
    assert (channel.hub.soon, channel.hub.later) == ([], []), "no polling while every slot is taken"
    channel.basic_ack("r1")
    assert channel.hub.soon == [(channel._schedule_queue, "Q")]
    channel.hub.soon.clear()
    channel.basic_reject("r2")
    assert channel.hub.soon == [], "one poll per queue, however many slots"


# -- Messages


@pytest.mark.parametrize(
    "broken",
    [
        {"body": "a"},
        {"body": 5},
        {"body": "e10="},
        {"headers": "text"},
        {"headers": {}},
        {"properties": 5},
        {"content-type": "application/x-python-serialize"},
        {"headers": {"task": "unit.take", "id": "t", "eta": "2999-01-01"}},
    ],
)
def test_an_unreadable_message_is_visible_at_once_and_the_rest_of_its_batch_runs(
    channel: Any, boto: FakeSqs, broken: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert receive(channel, raw_message("bad", message_id="m0", **broken), raw_message("good")) == 2
    assert [message.delivery_tag for message in channel.delivered] == ["good"]
    assert boto.given == [("show", "bad", 0)]
    assert "m0 cannot be read" in caplog.text


def test_the_routing_key_is_the_queue_of_the_message(channel: Any, boto: FakeSqs) -> None:
    odd = {"body_encoding": "base64", "delivery_info": {"routing_key": 5}}
    receive(channel, raw_message("r1", properties=odd))
    channel.delivered[0].ack()
    assert boto.given == [("delete", "r1")]


def test_an_error_in_the_parent_process_affects_one_message(channel: Any, boto: FakeSqs) -> None:
    def explode(message: Any) -> None:
        raise ConnectionError("the result store is away")

    channel.basic_consume("Q", no_ack=False, callback=explode, consumer_tag="d")
    receive(channel, raw_message("r1"))
    assert boto.given == [("show", "r1", 60)]


@pytest.mark.parametrize(("count", "seconds"), [(1, 60), (2, 300), (3, 1500), (4, 0), (9, 0)])
def test_a_rejected_message_uses_the_ladder_and_is_never_deleted(
    channel: Any, boto: FakeSqs, count: int, seconds: int
) -> None:
    for requeue in (False, True):
        receive(channel, raw_message("r1", count=count))
        channel.delivered.pop().channel.basic_reject("r1", requeue=requeue)
    assert boto.given == [("show", "r1", seconds)] * 2


def test_a_dead_message_is_received_but_never_run(channel: Any, boto: FakeSqs) -> None:
    receive(channel, raw_message("r1", count=1))
    Delivery.of(channel.delivered[0]).dead = True
    Delivery.of(channel.delivered[0]).visible_in = 0
    channel.delivered.pop().reject()
    receive(channel, raw_message("r2", count=2))
    assert boto.given == [("show", "r1", 0), ("show", "r2", 0)]
    assert not channel.delivered
    receive(channel, raw_message("r3", count=1))
    assert channel.delivered, "a message that came back from the DLQ begins again"


def test_an_unprocessed_message_is_visible_at_once_after_shutdown(channel: Any, boto: FakeSqs) -> None:
    receive(channel, raw_message("r1"))
    channel.close()
    assert boto.given == [("show", "r1", 0)]


def test_a_worker_never_creates_a_queue(channel: Any, boto: FakeSqs) -> None:
    boto.fails = client_error("AWS.SimpleQueueService.NonExistentQueue")
    with pytest.raises(transport.QueueNotProvisioned, match="provision_queues"):
        channel.queue_declare("Another")


def test_an_error_response_at_start_up_is_a_connection_error() -> None:
    assert issubclass(ClientError, transport.Transport.connection_errors)


# -- Acknowledgments


def test_acknowledgments_go_to_the_configured_endpoint_with_short_time_outs(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"topology": Topology(), "region": "eu-west-1", "endpoint_url": "http://127.0.0.1:9", "is_secure": False}
    with kombu.Connection("sqs://", transport=transport.Transport, transport_options=options) as connection:
        meta = connection.channel().sqs().meta
    assert meta.endpoint_url == "http://127.0.0.1:9"
    assert (meta.config.connect_timeout, meta.config.read_timeout) == (1.5, 2.5)
    assert meta.config.retries["total_max_attempts"] == 1
