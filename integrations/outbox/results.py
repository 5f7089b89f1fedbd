"""The results of tasks, which hold their arguments."""

from __future__ import annotations

from uuid import UUID

from django_celery_results.models import TaskResult


def delete_results_about(*, id: UUID) -> int:
    """Delete the results of tasks that got this id as an argument; return their number.

    An error's text and traceback may hold anything that the task saw.
    """
    deleted, _ = TaskResult.objects.filter(task_kwargs__contains=str(id)).delete()
    return deleted
