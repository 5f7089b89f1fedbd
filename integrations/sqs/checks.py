"""What must be true before a worker takes its first message."""

from __future__ import annotations

import itertools
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from botocore.exceptions import ClientError
from celery.worker import consumer as celery_consumer

from integrations.backoff import Backoff
from integrations.sqs import client
from integrations.sqs.client import SqsUnavailable
from integrations.sqs.topology import Queue, Topology

logger = logging.getLogger(__name__)


def check_timeouts(topology: Topology) -> Iterator[str]:
    """A line for every queue on which visibility > hard limit > soft limit > provider timeouts does not hold."""
    for queue in topology.queues:
        steps = (
            ("visibility timeout", topology.visibility_timeout_of(queue)),
            ("hard time limit", topology.hard_time_limit_of(queue)),
            ("soft time limit", topology.soft_time_limit_of(queue)),
            ("providers' timeouts", topology.provider_timeouts),
        )
        for (outer, longer), (inner, shorter) in itertools.pairwise(steps):
            if longer <= shorter:
                yield f"{queue.name}: the {outer} ({longer:g} s) must be longer than the {inner} ({shorter:g} s)"


def check_redrive(topology: Topology, queues: Iterable[Queue]) -> Iterator[str]:
    """A line for every queue that is missing or does not dead-letter as it should. SqsUnavailable if SQS is away."""
    for queue in queues:
        problem = _redrive_problem(topology, queue)
        if problem:
            yield f"{topology.physical_name(queue)}: {problem}; run manage.py provision_queues"


def _redrive_problem(topology: Topology, queue: Queue) -> str | None:
    if not _exists(topology, topology.physical_name(queue)):
        return "the queue does not exist"
    policy = _redrive_policy(topology, queue)
    if not policy:
        return "the queue has no redrive policy"
    if int(policy.get("maxReceiveCount", 0)) != topology.max_receive_count:
        return f"maxReceiveCount is {policy.get('maxReceiveCount')}, not {topology.max_receive_count}"
    if str(policy.get("deadLetterTargetArn", "")).rsplit(":", 1)[-1] != topology.dead_letter_physical_name(queue):
        return f"it dead-letters to {policy.get('deadLetterTargetArn')}"
    if not _exists(topology, topology.dead_letter_physical_name(queue)):
        # Its policy still names the queue that was deleted: what is dead would have nowhere to go.
        return "its dead-letter queue does not exist"
    return None


def _exists(topology: Topology, physical_name: str) -> bool:
    try:
        client.client(topology).get_queue_url(QueueName=physical_name)
    except ClientError as exc:
        if client.is_missing_queue(exc):
            return False
        raise
    return True


def _redrive_policy(topology: Topology, queue: Queue) -> dict[str, Any]:
    answer = client.client(topology).get_queue_attributes(
        QueueUrl=client.queue_url(topology, topology.physical_name(queue)), AttributeNames=["RedrivePolicy"]
    )
    policy: dict[str, Any] = json.loads(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
    return policy


class CheckedConsumer(celery_consumer.Consumer):  # type: ignore[misc]
    """Celery's consumer, made only once everything here holds; it is made before the first child process is.

    On a problem: one line each on standard error, and exit status 1. While SQS is away it waits.
    """

    def __init__(self, on_task_request: Callable[[Any], Any], *args: Any, app: Any, **options: Any) -> None:
        topology: Topology = app.conf.broker_transport_options["topology"]
        problems = problems_of(topology, watched=set(app.amqp.queues.consume_from))
        if problems:
            sys.exit("\n".join(f"Worker cannot start: {problem}" for problem in problems))
        super().__init__(self._giving_slots_back(on_task_request), *args, app=app, **options)

    def _giving_slots_back(self, start: Callable[[Any], Any]) -> Callable[[Any], None]:
        """Cures: Celery takes a slot of the pool, and keeps it when the task could not be handed to the pool at all:
        that many such messages, and the worker lives on and never runs anything again."""

        def start_or_release(request: Any) -> None:
            try:
                start(request)
            except Exception:
                self.controller.semaphore.release()
                raise  # the transport leaves the message to the ladder

        return start_or_release


def problems_of(topology: Topology, *, watched: set[str]) -> list[str]:
    """Every problem of a worker for the ``watched`` queues; waits for as long as SQS does not answer."""
    queues = [queue for queue in topology.queues if queue.name in watched]
    return [*check_timeouts(topology), *_once_sqs_is_there(lambda: list(check_redrive(topology, queues)))]


def _once_sqs_is_there(ask: Callable[[], list[str]]) -> list[str]:
    # Celery handles SIGTERM only once it runs; until then it must still end the process quietly.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    backoff = Backoff()
    try:
        while True:
            backoff.asking()
            try:
                with client.unavailable_when_away():
                    return ask()
            except SqsUnavailable as exc:
                if not backoff.is_failing:
                    logger.warning("Worker waits for SQS: %s", exc)
                backoff.failed()
                time.sleep(backoff.wait_seconds)
    finally:
        signal.signal(signal.SIGTERM, before)
