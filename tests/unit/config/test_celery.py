"""Celery as the shop runs it: no message is sent by Celery itself, and each log line names its task."""

from __future__ import annotations

import logging

import pytest
from celery import signals
from kombu.utils.imports import symbol_by_name

from config.celery import app
from config.schedule import JOBS
from integrations import logs
from integrations.outbox.models import OutboxMessage
from integrations.sqs.tasks import queue_for


def test_a_task_binds_its_ids_to_the_log_and_clears_them_afterwards() -> None:
    task = app.tasks["orders.start_fulfillment"]
    task.push_request(request_id="r-1", event="OrderPaid")
    signals.task_prerun.send(sender=task, task_id="t-1", task=task, kwargs={"order_id": "o-1"}, args=())
    during = dict(logs._context.get())
    signals.task_postrun.send(sender=task, task_id="t-1", task=task, kwargs={}, args=())
    assert during["task_id"] == "t-1"
    assert {"r-1", "OrderPaid", "orders.start_fulfillment", "o-1"} <= set(during.values())
    task.pop_request()
    assert not logs._context.get()


def test_celery_keeps_the_logging_of_django() -> None:
    handlers = list(logging.getLogger().handlers)
    app.log.setup(loglevel="DEBUG")
    assert logging.getLogger().handlers == handlers


def test_beat_writes_each_job_into_the_outbox_and_sends_nothing_itself(db: None) -> None:
    scheduler = symbol_by_name(app.conf.beat_scheduler)(app=app, lazy=True)
    entries = {name: scheduler.Entry(**{**job, "name": name, "app": app}) for name, job in JOBS.items()}
    for entry in entries.values():
        scheduler.apply_async(entry, advance=False)
    rows = OutboxMessage.objects.values_list("headers__event", "task", "queue")
    assert set(rows) == {
        (f"schedule:{name}", job["task"], queue_for(job["task"]).name) for name, job in JOBS.items()
    }


@pytest.mark.parametrize("job", JOBS.values(), ids=lambda job: job["task"])
def test_each_job_names_a_task_that_exists(job: dict[str, str]) -> None:
    assert job["task"] in app.tasks
