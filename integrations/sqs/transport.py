"""A kombu transport for SQS that does not die.

Each override stands at one of kombu's own seams, calls ``super()``, names the failure of kombu 5.7.0 that it cures, and
has a test that fails without it. See docs/adr/0003-thin-overrides-of-the-kombu-transport.md.
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

# Answers block the event loop: together they must leave room in the 5 s of a recovery.
ANSWER_CONNECT_TIMEOUT = 1.5
ANSWER_READ_TIMEOUT = 2.5

MAX_DEAD_REMEMBERED = 10_000


class QueueNotProvisioned(Exception):
    """A queue does not exist. Run ``manage.py provision_queues``; a worker never creates one."""


class QoS(SQS.QoS):  # type: ignore[misc]
    """Cures: with every slot busy, kombu asks once per polling_interval whether one is free."""

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

    # -- Which queues there are

    def _update_queue_cache(self, queue_name_prefix: str) -> None:
        """Cures: kombu lists all queues to find one (a right that a worker need not have, and only the first 1,000)."""
        if queue_name_prefix == self.queue_name_prefix:
            return  # the constructor's warm-up
        try:
            answer = self.sqs().get_queue_url(QueueName=queue_name_prefix)
        except ClientError as exc:
            if not is_missing_queue(exc):
                raise
        else:
            self._queue_cache[queue_name_prefix] = answer["QueueUrl"]

    def _create_queue(self, queue_name: str, attributes: Any) -> Any:
        """Cures: kombu creates a missing queue, without a redrive policy, and then deletes what fails on it."""
        raise QueueNotProvisioned(f"SQS queue {queue_name} does not exist: run manage.py provision_queues")

    @property
    def endpoint_url(self) -> str | None:
        """One configured address for poll and answers alike, rather than one put together from a broker URL."""
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
        """Cures: what fails before the request is sent (no credentials, no queue URL) ends the worker."""
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
        """Poll again at once for the queues that waited for a slot."""
        waiting, self._waiting_for_slot = self._waiting_for_slot, set()
        for queue in waiting:
            self.hub.call_soon(self._schedule_queue, queue)

    def basic_qos(self, *args: Any, **options: Any) -> None:
        super().basic_qos(*args, **options)
        self.slot_freed()

    def _loop1(self, queue: str, messages_fetched: int | None = None) -> None:
        """Cures: while SQS is away kombu asks every polling_interval, from the whole fleet in step."""
        backoff = self._backoff(queue)
        if backoff.is_failing:
            self.hub.call_later(backoff.wait_seconds, self._schedule_queue, queue)
        else:
            super()._loop1(queue, messages_fetched)

    def _on_messages_ready(self, queue_url: str, queue: str, answer: Any) -> int:
        """Cures: one undecodable message ends the worker, or is deleted, and takes its batch with it."""
        if isinstance(answer, ReceiveFailed):
            self._poll_failed(queue, answer)
            return 0
        self._poll_answered(queue)
        messages = answer.get("Messages") or []
        readable = [message for message in messages if self._worth_running(message, queue, queue_url)]
        super()._on_messages_ready(queue_url, queue, {"Messages": readable})
        return len(messages)

    def _backoff(self, queue: str) -> Backoff:
        return self._backoffs[self.canonical_queue_name(queue)]

    def _poll_failed(self, queue: str, answer: ReceiveFailed) -> None:
        backoff = self._backoff(queue)
        if not backoff.is_failing:
            logger.warning("%s: SQS does not answer, backing off: %s", queue, answer.reason)
        backoff.failed()
        if answer.sqs_away:
            self.sqs().sqs_is_away()

    def _poll_answered(self, queue: str) -> None:
        backoff = self._backoff(queue)
        if backoff.is_failing:
            seconds, polls = backoff.failing_seconds, backoff.failures
            logger.warning("%s: SQS answers again after %.0f s and %d polls", queue, seconds, polls)
            backoff.succeeded()
        self.sqs().sqs_is_back()

    # -- Messages

    def _message_to_python(self, message: dict[str, Any], queue_name: str, q_url: str) -> dict[str, Any]:
        """Cures: an envelope that names another routing key (or none) is run, and then cannot be acknowledged."""
        payload: dict[str, Any] = super()._message_to_python(message, queue_name, q_url)
        delivery_info = payload["properties"]["delivery_info"]
        delivery_info.update(exchange="", routing_key=queue_name)
        Delivery.from_sqs(message).attach(delivery_info)
        return payload

    def _worth_running(self, message: dict[str, Any], queue: str, queue_url: str) -> bool:
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
                "%s: message %s cannot be read and is left to the redrive policy (receipt %d): %s",
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
        # A lower receive count means that it has begun a new life: somebody sent it back from the dead-letter queue.
        known = self._dead.get(delivery.message_id)
        return known is not None and delivery.receive_count > known

    def _remember_dead(self, delivery: Delivery) -> None:
        """So that the receipts which only use up the receive count do not run the task again."""
        self._dead[delivery.message_id] = delivery.receive_count
        while len(self._dead) > MAX_DEAD_REMEMBERED:
            self._dead.popitem(last=False)

    def basic_consume(self, queue: str, no_ack: bool, callback: Callable[[Any], Any], *args: Any, **opts: Any) -> Any:
        """Cures: whatever goes wrong in the parent for one message (a result store that is away) ends the worker."""

        def guarded(message: Any) -> Any:
            try:
                return callback(message)
            except Exception:
                logger.exception("%s: a message could not be started; it is left to the ladder", queue)
                if not message.acknowledged:
                    message.reject()

        return super().basic_consume(queue, no_ack, guarded, *args, **opts)

    # -- Answers

    def new_sqs_client(self, *args: Any, **options: Any) -> AcknowledgingClient:
        return AcknowledgingClient(super().new_sqs_client(*args, **options), later=self._answer_later)

    def _new_boto_client(self, *args: Any, config: Any = None, **options: Any) -> Any:
        timely = client_config(ANSWER_CONNECT_TIMEOUT, ANSWER_READ_TIMEOUT)
        return super()._new_boto_client(*args, config=timely.merge(config) if config else timely, **options)

    def _answer_later(self, seconds: float, callback: Callable[[], None]) -> None:
        if self.hub is not None and not self.closed:
            self.hub.call_later(seconds, callback)

    def _has_redrive_policy(self, queue: str, queue_url: str) -> bool:
        """Cures: kombu deletes a rejected message when it finds, or found up to 300 s ago, no redrive policy."""
        return True  # the start-up check has seen it; were it gone, keeping the message would still be right

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Cures: a rejected message stays hidden for the whole visibility timeout, or forgets the receive count."""
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
        """Cures: at shutdown kombu hides a message that was not run for another wait_time_seconds."""
        self._show_again(message.delivery_info["sqs_queue"], message.delivery_info["sqs_message"], 0)

    def close(self) -> None:
        super().close()
        if self._sqs is not None:
            self._sqs.give_last()


class Transport(SQS.Transport):  # type: ignore[misc]
    Channel = SqsChannel

    # Cures: an error answer at start-up (503, an expired token) is no connection error to kombu, and ends the worker.
    connection_errors = (*SQS.Transport.connection_errors, ClientError)
