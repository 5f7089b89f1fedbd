"""The Celery app: settings from the topology, results in Django's database, JSON logs.

Workers run ``celery -A config worker``.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from celery import Celery, signals
from django.conf import settings

from config.schedule import JOBS
from integrations import logs
from integrations.sqs.celery_settings import celery_settings

app = Celery("shop")
app.conf.update(celery_settings(settings.SQS_TOPOLOGY))
app.conf.update(
    result_backend="django-db",
    # Store a task's name and arguments with its result. They are ids and small scalars.
    result_extended=True,
    result_expires=7 * 24 * 3600,
    task_track_started=False,
    beat_schedule=JOBS,
    beat_scheduler="integrations.outbox.scheduler:OutboxScheduler",
    beat_max_loop_interval=5,
    worker_hijack_root_logger=False,
)


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """If this signal has a receiver, Celery keeps Django's logging configuration."""


@signals.task_prerun.connect
def _bind_log_context(task_id: str, task: Any, kwargs: dict[str, Any], **_: Any) -> None:
    carried = {name: getattr(task.request, name, None) for name in ("request_id", "event")}
    logs.bind_task(task_id=task_id, task_name=task.name, headers=carried, kwargs=kwargs)


@signals.task_postrun.connect
def _clear_log_context(**_: Any) -> None:
    logs.clear()
