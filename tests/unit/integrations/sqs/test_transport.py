"""Each of the transport's overrides, without a network. tests/integration/sqs tests them together."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import Any

import celery
import kombu
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from kombu.asynchronous import Hub, set_event_loop

from integrations import backoff
from integrations.sqs import acknowledgments, envelopes, polling, transport
from integrations.sqs.acknowledgments import AcknowledgingClient
from integrations.sqs.deliveries import Delivery
from integrations.sqs.topology import Topology


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


# -- A channel whose boto client and event loop are the test's


class FakeSqs:
    """boto3's client. If ``fails`` is set, acknowledgments raise it."""

    def __init__(self) -> None:
        self.given: list[tuple[Any, ...]] = []
        self.fails: Exception | None = None

    def delete_message(self, **call: Any) -> None:
        self._give("delete", call["ReceiptHandle"])

    def change_message_visibility(self, **call: Any) -> None:
        self._give("show", call["ReceiptHandle"], call["VisibilityTimeout"])

    def get_queue_url(self, QueueName: str) -> dict[str, str]:
        if self.fails:
            raise self.fails
        return {"QueueUrl": f"http://sqs/{QueueName}"}

    def _give(self, *answer: Any) -> None:
        if self.fails:
            raise self.fails
        self.given.append(answer)


class FakeHub(Hub):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.soon: list[tuple[Any, ...]] = []
        self.later: list[tuple[Any, ...]] = []

    def call_soon(self, callback: Any, *args: Any) -> None:
        self.soon.append((callback, *args))

    def call_later(self, delay: float, callback: Any, *args: Any) -> None:
        self.later.append((delay, callback, *args))


@pytest.fixture
def boto() -> FakeSqs:
    return FakeSqs()


@pytest.fixture
def channel(boto: FakeSqs, monkeypatch: pytest.MonkeyPatch) -> Any:
    hub = FakeHub()
    set_event_loop(hub)
    monkeypatch.setattr(transport.SQS.Channel, "new_sqs_client", lambda *_, **__: boto)
    options = {"topology": Topology(), "region": "us-east-1", "polling_interval": 0.05, "wait_time_seconds": 7}
    connection = kombu.Connection("sqs://", transport=transport.Transport, transport_options=options)
    channel = connection.channel()
    channel.delivered = []
    channel.basic_qos(0, 2, False)
    channel.basic_consume("Q", no_ack=False, callback=channel.delivered.append, consumer_tag="c")
    hub.soon.clear()
    yield channel
    boto.fails = None
    connection.release()
    hub.close()
    set_event_loop(None)


def _raw(handle: str = "r1", *, count: int = 1, message_id: str = "m1", **envelope: Any) -> dict[str, Any]:
    body = {
        "body": "W1tdLCB7fSwge31d",  # [[], {}, {}]
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": "unit.take", "id": "t1"},
        "properties": {"body_encoding": "base64", "delivery_info": {"exchange": "", "routing_key": "elsewhere"}},
        **envelope,
    }
    return {
        "MessageId": message_id, "ReceiptHandle": handle, "Body": json.dumps(body),
        "Attributes": {"ApproximateReceiveCount": str(count)},
    }  # fmt: skip


def _receive(channel: Any, *messages: dict[str, Any]) -> int:
    received: int = channel._on_messages_ready("http://sqs/Q", "Q", {"Messages": list(messages)})
    return received


def _client_error(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "DeleteMessage")


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


@pytest.mark.parametrize(
    ("status", "away"), [(500, True), (503, True), (504, True), (599, True), (400, False), (403, False)]
)
def test_no_status_raises_into_the_event_loop(status: int, away: bool) -> None:
    connection = object.__new__(polling.PollConnection)
    connection.sqs_connection = SimpleNamespace(meta=SimpleNamespace(service_model=None))
    answer = connection._on_list_ready("Q", [], "ReceiveMessage", _response(status))
    assert isinstance(answer, polling.ReceiveFailed)
    assert answer.sqs_away is away
    assert not answer.get("Messages")


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
    boto.fails = _client_error("ExpiredToken", 403)
    channel._schedule_queue("Q")
    assert channel._backoff("Q").is_failing
    assert channel.hub.later


def test_polling_pauses_without_a_free_slot(channel: Any) -> None:
    _receive(channel, _raw("r1", message_id="m1"), _raw("r2", message_id="m2"))
    channel._schedule_queue("Q")
    assert (channel.hub.soon, channel.hub.later) == ([], []), "no polling while every slot is taken"
    channel.basic_ack("r1")
    assert channel.hub.soon == [(channel._schedule_queue, "Q")]
    channel.hub.soon.clear()
    channel.basic_reject("r2")
    assert channel.hub.soon == [], "one poll per queue, however many slots"


def test_the_poll_has_time_outs_and_probes_without_a_wait(channel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, Any]] = []

    def request(self: Any, operation: str, params: dict[str, Any], *_: Any, **__: Any) -> None:
        asked.append((params["WaitTimeSeconds"], _curl_options(self.get_http_connection())))

    monkeypatch.setattr(polling.PollConnection, "make_request", request)
    channel._schedule_queue("Q")
    channel._poll_failed("Q", polling.ReceiveFailed("503", sqs_away=True))
    channel._schedule_queue("Q")
    (wait, patient), (probe_wait, probe) = asked
    assert (wait, probe_wait) == (7, 0)
    assert (patient[polling.pycurl.CONNECTTIMEOUT_MS], patient[polling.pycurl.TIMEOUT_MS]) == (5000, 12_000)
    assert probe[polling.pycurl.TIMEOUT_MS] == 2500


def _curl_options(connection: Any) -> dict[int, int]:
    connection.path = "http://sqs/"
    options: dict[int, int] = {}
    connection.getrequest().on_prepare(SimpleNamespace(setopt=options.__setitem__))
    return options


def test_curls_timers_are_in_milliseconds() -> None:
    hub = FakeHub()
    client = polling.TimelyCurlClient(hub)
    hub.later.clear()
    client._set_timeout(250)
    client._set_timeout(-1)
    assert [delay for delay, *_ in hub.later] == [0.25]
    client.close()
    hub.close()


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
        assert _receive(channel, _raw("bad", message_id="m0", **broken), _raw("good")) == 2
    assert [message.delivery_tag for message in channel.delivered] == ["good"]
    assert boto.given == [("show", "bad", 0)]
    assert "m0 cannot be read" in caplog.text


def test_the_routing_key_is_the_queue_of_the_message(channel: Any, boto: FakeSqs) -> None:
    odd = {"body_encoding": "base64", "delivery_info": {"routing_key": 5}}
    _receive(channel, _raw("r1", properties=odd))
    channel.delivered[0].ack()
    assert boto.given == [("delete", "r1")]


def test_an_error_in_the_parent_process_affects_one_message(channel: Any, boto: FakeSqs) -> None:
    def explode(message: Any) -> None:
        raise ConnectionError("the result store is away")

    channel.basic_consume("Q", no_ack=False, callback=explode, consumer_tag="d")
    _receive(channel, _raw("r1"))
    assert boto.given == [("show", "r1", 60)]


@pytest.mark.parametrize(("count", "seconds"), [(1, 60), (2, 300), (3, 1500), (4, 0), (9, 0)])
def test_a_rejected_message_uses_the_ladder_and_is_never_deleted(
    channel: Any, boto: FakeSqs, count: int, seconds: int
) -> None:
    for requeue in (False, True):
        _receive(channel, _raw("r1", count=count))
        channel.delivered.pop().channel.basic_reject("r1", requeue=requeue)
    assert boto.given == [("show", "r1", seconds)] * 2


def test_a_dead_message_is_received_but_never_run(channel: Any, boto: FakeSqs) -> None:
    _receive(channel, _raw("r1", count=1))
    Delivery.of(channel.delivered[0]).dead = True
    Delivery.of(channel.delivered[0]).visible_in = 0
    channel.delivered.pop().reject()
    _receive(channel, _raw("r2", count=2))
    assert boto.given == [("show", "r1", 0), ("show", "r2", 0)]
    assert not channel.delivered
    _receive(channel, _raw("r3", count=1))
    assert channel.delivered, "a message that came back from the DLQ begins again"


def test_an_unprocessed_message_is_visible_at_once_after_shutdown(channel: Any, boto: FakeSqs) -> None:
    _receive(channel, _raw("r1"))
    channel.close()
    assert boto.given == [("show", "r1", 0)]


def test_a_worker_never_creates_a_queue(channel: Any, boto: FakeSqs) -> None:
    boto.fails = _client_error("AWS.SimpleQueueService.NonExistentQueue")
    with pytest.raises(transport.QueueNotProvisioned, match="provision_queues"):
        channel.queue_declare("Another")


def test_an_error_response_at_start_up_is_a_connection_error() -> None:
    assert issubclass(ClientError, transport.Transport.connection_errors)


# -- Answers


@pytest.mark.parametrize(
    "failure",
    [
        EndpointConnectionError(endpoint_url="x"),
        ReadTimeoutError(endpoint_url="x"),
        _client_error("ServiceUnavailable", 503),
        _client_error("AccessDenied", 403),
    ],
)
def test_a_failed_acknowledgment_frees_the_slot_and_is_sent_again(
    channel: Any, boto: FakeSqs, failure: Exception
) -> None:
    _receive(channel, _raw("r1"))
    boto.fails = failure
    channel.delivered[0].ack()
    assert channel.qos.can_consume_max_estimate() == 2
    assert channel.sqs().pending == 1
    boto.fails = None
    channel._on_messages_ready("http://sqs/Q", "Q", {})
    assert boto.given == [("delete", "r1")]
    assert channel.sqs().pending == 0


def test_while_polls_fail_acknowledgments_do_not_block(channel: Any, boto: FakeSqs) -> None:
    _receive(channel, _raw("r1"))
    channel._on_messages_ready("http://sqs/Q", "Q", polling.ReceiveFailed("hang", sqs_away=True))
    channel.delivered[0].ack()
    assert boto.given == []
    assert channel.sqs().pending == 1


def test_an_acknowledgment_that_sqs_rejects_is_dropped(channel: Any, boto: FakeSqs) -> None:
    _receive(channel, _raw("r1"))
    boto.fails = _client_error("ReceiptHandleIsInvalid")
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
    _receive(channel, _raw("r1"))
    channel.sqs().sqs_is_away()
    channel.delivered[0].ack()
    assert boto.given == []
    channel.close()
    assert boto.given == [("delete", "r1")]


def test_acknowledgments_go_to_the_configured_endpoint_with_short_time_outs(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"topology": Topology(), "region": "eu-west-1", "endpoint_url": "http://127.0.0.1:9", "is_secure": False}
    with kombu.Connection("sqs://", transport=transport.Transport, transport_options=options) as connection:
        meta = connection.channel().sqs().meta
    assert meta.endpoint_url == "http://127.0.0.1:9"
    assert (meta.config.connect_timeout, meta.config.read_timeout) == (1.5, 2.5)
    assert meta.config.retries["total_max_attempts"] == 1


def test_the_logged_reason_quotes_no_message() -> None:
    assert envelopes.reason(ValueError("secret@example.com")) == "ValueError"
