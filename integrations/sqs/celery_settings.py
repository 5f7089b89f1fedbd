"""Celery's settings, derived from the topology."""

from __future__ import annotations

from typing import Any

import celery
import kombu

from integrations.sqs import tasks
from integrations.sqs.topology import Queue, Topology

# Gossip, mingle and heartbeats do not work over SQS. They have no setting, only flags on the command line.
WORKER_FLAGS = ("--pool=prefork", "--without-gossip", "--without-mingle", "--without-heartbeat")


def configure(app: celery.Celery, topology: Topology) -> None:
    """Apply these settings to an app."""
    app.conf.update(celery_settings(topology))


def celery_settings(topology: Topology) -> dict[str, Any]:
    """The settings for ``app.conf.update(…)``, except for the result backend."""
    return {
        "broker_url": "sqs://",
        "broker_transport": "integrations.sqs.transport:Transport",
        "broker_transport_options": _transport_options(topology),
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_queues": tuple(_task_queue(queue) for queue in topology.queues),
        "task_create_missing_queues": False,
        "task_default_queue": topology.queues[0].name,
        "task_default_exchange": "",
        "task_routes": (tasks.route,),
        "task_annotations": (PerQueue(topology),),
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure_or_timeout": False,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "enable_utc": True,
        "timezone": "UTC",
        "worker_consumer": "integrations.sqs.checks:CheckedConsumer",
        "worker_prefetch_multiplier": 1,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "task_send_sent_event": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_prefetch_count_reduction": False,
        "worker_detect_quorum_queues": False,
    }


def worker_arguments(queue: Queue, *, concurrency: int | None = None) -> list[str]:
    """The arguments after ``celery -A … worker`` for one queue's worker."""
    return [*WORKER_FLAGS, "--queues", queue.name, "--concurrency", str(concurrency or queue.concurrency)]


class PerQueue:
    """Celery's task annotation: each task gets its queue's time limits and the environment's ladder."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._queues = {queue.name: queue for queue in topology.queues}

    def annotate(self, task: Any) -> dict[str, Any] | None:
        registered = tasks.registered_tasks().get(task.name)
        if registered is None:
            return None
        queue = self._queues.get(registered.name, registered)
        return {
            "ladder": self._topology.ladder,
            "max_retries": len(self._topology.ladder),
            "soft_time_limit": self._topology.soft_time_limit_of(queue),
            "time_limit": self._topology.hard_time_limit_of(queue),
        }


def _transport_options(topology: Topology) -> dict[str, Any]:
    return {
        "region": topology.region,
        "endpoint_url": topology.endpoint_url,
        "is_secure": not (topology.endpoint_url or "").startswith("http://"),
        "queue_name_prefix": topology.prefix,
        "wait_time_seconds": topology.wait_time_seconds,
        "polling_interval": topology.polling_interval,
        "topology": topology,
    }


def _task_queue(queue: Queue) -> kombu.Queue:
    return kombu.Queue(queue.name, exchange=kombu.Exchange(""), routing_key=queue.name)
