"""Checks that a worker makes before it takes its first message."""

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
    """A line for each queue without: visibility timeout > hard limit > soft limit > provider timeouts."""
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
    """A line for each queue that is missing or has a wrong redrive policy. Raises SqsUnavailable."""
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
        # The policy still names the deleted queue, so dead letters would be lost.
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
    """Celery's consumer. It starts only if the checks pass, and before the first child process starts.

    For each problem it writes a line to standard error; then the worker exits with status 1. While SQS is unavailable,
    it waits.
    """

    def __init__(self, on_task_request: Callable[[Any], Any], *args: Any, app: Any, **options: Any) -> None:
        topology: Topology = app.conf.broker_transport_options["topology"]
        problems = problems_of(topology, watched=set(app.amqp.queues.consume_from))
        if problems:
            sys.exit("\n".join(f"Worker cannot start: {problem}" for problem in problems))
        super().__init__(self._releasing_slots(on_task_request), *args, app=app, **options)

    def _releasing_slots(self, start: Callable[[Any], Any]) -> Callable[[Any], None]:
        """Fixes Celery: if the pool does not accept a task, Celery never releases the task's slot. After as many such
        messages as there are slots, the worker is alive but runs nothing."""

        def start_or_release(request: Any) -> None:
            try:
                start(request)
            except Exception:
                self.controller.semaphore.release()
                raise  # the transport leaves the message to the retry ladder

        return start_or_release


def problems_of(topology: Topology, *, watched: set[str]) -> list[str]:
    """The problems of a worker for the ``watched`` queues. Waits while SQS is unavailable."""
    queues = [queue for queue in topology.queues if queue.name in watched]
    return [*check_timeouts(topology), *_when_sqs_answers(lambda: list(check_redrive(topology, queues)))]


def _when_sqs_answers(ask: Callable[[], list[str]]) -> list[str]:
    # Celery handles SIGTERM only later. Until then SIGTERM must end the process without a traceback.
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
                    logger.warning("The worker waits for SQS: %s", exc)
                backoff.failed()
                time.sleep(backoff.wait_seconds)
    finally:
        signal.signal(signal.SIGTERM, before)
