"""kombu's transport for SQS, with overrides that keep a worker running.

Each override calls ``super()``, names the fault of kombu 5.7.0 that it fixes, and has a test that fails without it.
See docs/adr/0003-thin-overrides-of-the-kombu-transport.md.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from kombu.transport import SQS

from integrations.backoff import Backoff
from integrations.sqs import envelopes
from integrations.sqs.acknowledgments import AcknowledgingClient
from integrations.sqs.client import client_config, is_missing_queue
from integrations.sqs.deliveries import Delivery
from integrations.sqs.polling import PollConnection, ReceiveFailed, TimelyCurlClient

logger = logging.getLogger(__name__)

# Acknowledgments block the event loop; together these must stay below the 5 s that a recovery may take.
ACKNOWLEDGMENT_CONNECT_TIMEOUT = 1.5
ACKNOWLEDGMENT_READ_TIMEOUT = 2.5

MAX_DEAD_REMEMBERED = 10_000


class QueueNotProvisioned(Exception):
    """A queue does not exist. Run ``manage.py provision_queues``; workers create no queues."""


class QoS(SQS.QoS):  # type: ignore[misc]
    """Fixes kombu: when all slots are busy, it checks for a free slot only once per polling_interval."""

    def ack(self, delivery_tag: str) -> None:
        super().ack(delivery_tag)
        self.channel.slot_freed()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().reject(delivery_tag, requeue=requeue)
        self.channel.slot_freed()


class SqsChannel(SQS.Channel):  # type: ignore[misc]
    QoS = QoS
    _asynsqs: Any = None

    def __init__(self, *args: Any, **options: Any) -> None:
        self._backoffs: dict[str, Backoff] = defaultdict(Backoff)
        self._waiting_for_slot: set[str] = set()
        self._dead: OrderedDict[str, int] = OrderedDict()
        super().__init__(*args, **options)

    # -- Queues

    def _update_queue_cache(self, queue_name_prefix: str) -> None:
        """Fixes kombu: it lists all queues to find one. That needs a further right and returns at most 1,000."""
        if queue_name_prefix == self.queue_name_prefix:
            return  # the constructor fills the cache
        try:
            response = self.sqs().get_queue_url(QueueName=queue_name_prefix)
        except ClientError as exc:
            if not is_missing_queue(exc):
                raise
        else:
            self._queue_cache[queue_name_prefix] = response["QueueUrl"]

    def _create_queue(self, queue_name: str, attributes: Any) -> Any:
        """Fixes kombu: it creates a missing queue without a redrive policy, and then deletes failed messages."""
        raise QueueNotProvisioned(f"SQS queue {queue_name} does not exist: run manage.py provision_queues")

    @property
    def endpoint_url(self) -> str | None:
        """One configured URL for polls and acknowledgments; kombu would derive one from the broker URL."""
        url: str | None = self.transport_options.get("endpoint_url")
        return url

    # -- The poll

    def asynsqs(self, queue: str | None = None) -> PollConnection:
        if self._asynsqs is None:
            self._asynsqs = PollConnection(
                sqs_connection=self.sqs(),
                region=self.region,
                http_client=TimelyCurlClient(self.hub),
                probing=lambda name: self._backoffs[name].is_failing,
            )
        connection: PollConnection = super().asynsqs(queue)
        return connection

    def _schedule_queue(self, queue: str) -> None:
        """Fixes kombu: an error before the request is sent (credentials, queue URL) ends the worker."""
        if queue in self._active_queues and not self.qos.can_consume():
            self._waiting_for_slot.add(queue)
            return
        self._backoff(queue).asking()
        try:
            super()._schedule_queue(queue)
        except Exception as exc:
            self._poll_failed(queue, ReceiveFailed(repr(exc), sqs_away=False))
            self._loop1(queue)

    def slot_freed(self) -> None:
        """Poll at once for the queues that wait for a slot."""
        waiting, self._waiting_for_slot = self._waiting_for_slot, set()
        for queue in waiting:
            self.hub.call_soon(self._schedule_queue, queue)

    def basic_qos(self, *args: Any, **options: Any) -> None:
        super().basic_qos(*args, **options)
        self.slot_freed()

    def _loop1(self, queue: str, messages_fetched: int | None = None) -> None:
        """Fixes kombu: while SQS is unavailable, all workers ask once per polling_interval, without backoff."""
        backoff = self._backoff(queue)
        if backoff.is_failing:
            self.hub.call_later(backoff.wait_seconds, self._schedule_queue, queue)
        else:
            super()._loop1(queue, messages_fetched)

    def _on_messages_ready(self, queue_url: str, queue: str, response: Any) -> int:
        """Fixes kombu: an undecodable message ends the worker or is deleted, and so is the rest of its batch."""
        if isinstance(response, ReceiveFailed):
            self._poll_failed(queue, response)
            return 0
        self._poll_succeeded(queue)
        messages = response.get("Messages") or []
        readable = [message for message in messages if self._accept(message, queue, queue_url)]
        super()._on_messages_ready(queue_url, queue, {"Messages": readable})
        return len(messages)

    def _backoff(self, queue: str) -> Backoff:
        return self._backoffs[self.canonical_queue_name(queue)]

    def _poll_failed(self, queue: str, failure: ReceiveFailed) -> None:
        backoff = self._backoff(queue)
        if not backoff.is_failing:
            logger.warning("%s: SQS does not answer; polls back off: %s", queue, failure.reason)
        backoff.failed()
        if failure.sqs_away:
            self.sqs().sqs_is_away()

    def _poll_succeeded(self, queue: str) -> None:
        backoff = self._backoff(queue)
        if backoff.is_failing:
            seconds, polls = backoff.failing_seconds, backoff.failures
            logger.warning("%s: SQS answers again after %.0f s and %d polls", queue, seconds, polls)
            backoff.succeeded()
        self.sqs().sqs_is_back()

    # -- Messages

    def _message_to_python(self, message: dict[str, Any], queue_name: str, q_url: str) -> dict[str, Any]:
        """Fixes kombu: a message with another routing key, or none, runs but cannot be acknowledged."""
        payload: dict[str, Any] = super()._message_to_python(message, queue_name, q_url)
        delivery_info = payload["properties"]["delivery_info"]
        delivery_info.update(exchange="", routing_key=queue_name)
        Delivery.from_sqs(message).attach(delivery_info)
        return payload

    def _accept(self, message: dict[str, Any], queue: str, queue_url: str) -> bool:
        """Accept a message that a task can run with. Show any other again at once, and return False."""
        delivery = Delivery.from_sqs(message)
        if self._is_dead(delivery):
            self._show_again(queue_url, message, 0)
            return False
        try:
            envelopes.check(self.Message(self._message_to_python(dict(message), queue, queue_url), channel=self))
        except MemoryError:
            raise
        except Exception as exc:
            logger.error(
                "%s: message %s cannot be read; the redrive policy will move it (receive %d): %s",
                queue,
                delivery.message_id,
                delivery.receive_count,
                envelopes.reason(exc),
            )
            self._remember_dead(delivery)
            self._show_again(queue_url, message, 0)
            return False
        return True

    def _show_again(self, queue_url: str, message: dict[str, Any], seconds: int) -> None:
        self.sqs().change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )

    def _is_dead(self, delivery: Delivery) -> bool:
        # A lower receive count means that the message came back from the dead-letter queue.
        known = self._dead.get(delivery.message_id)
        return known is not None and delivery.receive_count > known

    def _remember_dead(self, delivery: Delivery) -> None:
        """The message is received until its receive count is used up; do not run the task at these receives."""
        self._dead[delivery.message_id] = delivery.receive_count
        while len(self._dead) > MAX_DEAD_REMEMBERED:
            self._dead.popitem(last=False)

    def basic_consume(self, queue: str, no_ack: bool, callback: Callable[[Any], Any], *args: Any, **opts: Any) -> Any:
        """Fixes kombu: an error in the parent process about one message, such as a database error, ends the worker."""

        def guarded(message: Any) -> Any:
            try:
                return callback(message)
            except Exception:
                logger.exception("%s: a message could not be started; the retry ladder has it", queue)
                if not message.acknowledged:
                    message.reject()

        return super().basic_consume(queue, no_ack, guarded, *args, **opts)

    # -- Acknowledgments

    def new_sqs_client(self, *args: Any, **options: Any) -> AcknowledgingClient:
        return AcknowledgingClient(super().new_sqs_client(*args, **options), later=self._call_later)

    def _new_boto_client(self, *args: Any, config: Any = None, **options: Any) -> Any:
        timely = client_config(ACKNOWLEDGMENT_CONNECT_TIMEOUT, ACKNOWLEDGMENT_READ_TIMEOUT)
        return super()._new_boto_client(*args, config=timely.merge(config) if config else timely, **options)

    def _call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        if self.hub is not None and not self.closed:
            self.hub.call_later(seconds, callback)

    def _has_redrive_policy(self, queue: str, queue_url: str) -> bool:
        """Fixes kombu: without a redrive policy, or a cached one, it deletes rejected messages."""
        return True  # the start-up check has seen the policy; without it the message must be kept, too

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Fixes kombu: a rejected message stays hidden for the whole visibility timeout."""
        message = self.qos.get(delivery_tag)
        delivery = Delivery.of(message)
        if delivery.dead:
            self._remember_dead(delivery)
        self._show_again(
            message.delivery_info["sqs_queue"], message.delivery_info["sqs_message"], self._visible_in(delivery)
        )
        super().basic_reject(delivery_tag, requeue=False)

    def _visible_in(self, delivery: Delivery) -> int:
        if delivery.visible_in is not None:
            return delivery.visible_in
        ladder = self.transport_options["topology"].ladder
        return ladder[delivery.receive_count - 1] if delivery.receive_count <= len(ladder) else 0

    def _restore(self, message: Any, *_: Any) -> None:
        """Fixes kombu: at shutdown it hides unprocessed messages for another wait_time_seconds."""
        self._show_again(message.delivery_info["sqs_queue"], message.delivery_info["sqs_message"], 0)

    def close(self) -> None:
        super().close()
        if self._sqs is not None:
            self._sqs.send_last()


class Transport(SQS.Transport):  # type: ignore[misc]
    Channel = SqsChannel

    # Fixes kombu: an error response at start-up (503, an expired token) ends the worker, as it is no connection error.
    connection_errors = (*SQS.Transport.connection_errors, ClientError)
