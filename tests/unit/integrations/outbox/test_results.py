from __future__ import annotations

import uuid

from django_celery_results.models import TaskResult

from integrations.outbox.results import delete_results_about


def test_results_with_this_id_are_deleted(db: None) -> None:
    id = uuid.uuid4()
    TaskResult.objects.create(task_id="1", task_kwargs=f'"{{\'customer_id\': \'{id}\'}}"')
    TaskResult.objects.create(task_id="2", task_kwargs=f'"{{\'customer_id\': \'{uuid.uuid4()}\'}}"')
    TaskResult.objects.create(task_id="3", task_kwargs=None)
    assert delete_results_about(id=id) == 1
    assert set(TaskResult.objects.values_list("task_id", flat=True)) == {"2", "3"}
