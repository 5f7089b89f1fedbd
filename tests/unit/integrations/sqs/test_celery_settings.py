from __future__ import annotations

from typing import Any

import pytest
from celery import Celery
from celery.app.defaults import NAMESPACES, flatten
from celery.utils.serialization import get_pickleable_exception

from integrations.errors import PermanentError
from integrations.sqs import celery_settings as subject
from integrations.sqs import tasks
from integrations.sqs.topology import CHARGES, QUEUES, Topology


def test_celery_knows_every_setting() -> None:
    known = {name for name, _ in flatten(NAMESPACES)}
    assert set(subject.celery_settings(Topology())) <= known


def test_workers_know_exactly_the_seven_queues() -> None:
    app = Celery("unit", set_as_current=False)
    subject.configure(app, Topology())
    assert list(app.amqp.queues) == [queue.name for queue in QUEUES]
    with pytest.raises(tasks.UnknownTask):
        app.amqp.router.route({}, "celery.backend_cleanup")


def test_only_success_deletes_a_message_and_only_json_is_read() -> None:
    settings = subject.celery_settings(Topology())
    assert settings["task_acks_late"] and settings["task_reject_on_worker_lost"]
    assert settings["task_acks_on_failure_or_timeout"] is False
    assert settings["accept_content"] == ["json"]


def test_a_task_gets_the_environments_ladder_and_its_queues_limits(registry: Any) -> None:
    topology = Topology(ladder=(1, 2), visibility_timeout=20)
    app = tasks.celery._state.get_current_app()
    subject.configure(app, topology)

    @tasks.task(name="unit.annotated", queue=CHARGES)
    def annotated(**_: object) -> None: ...

    app.finalize()
    task = app.tasks["unit.annotated"]
    assert (task.ladder, task.max_retries) == ((1, 2), 2)
    assert (task.time_limit, task.soft_time_limit) == (19, 18)
    assert (task.acks_late, task.acks_on_failure, task.acks_on_timeout) == (True, False, False)


def test_the_worker_gets_flags_for_options_without_a_setting() -> None:
    arguments = subject.worker_arguments(CHARGES, concurrency=3)
    assert arguments[-4:] == ["--queues", "ChargesQueue", "--concurrency", "3"]
    assert {"--without-gossip", "--without-mingle", "--without-heartbeat", "--pool=prefork"} <= set(arguments)


def test_a_permanent_error_keeps_its_class_when_it_is_pickled() -> None:
    class Refused(PermanentError):
        def __init__(self, *, code: str) -> None:
            super().__init__(code)

    assert isinstance(get_pickleable_exception(Refused(code="x")), PermanentError)
