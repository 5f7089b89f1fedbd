from __future__ import annotations

from django.contrib import admin
from django_celery_results.models import GroupResult, TaskResult

from integrations.admin import ReadOnlyAdmin
from integrations.outbox.models import OutboxMessage


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """Sent and waiting messages, with the last error."""

    list_display = ("task", "created_at", "sent_at", "attempts", "last_error", "not_before", "queue", "id")
    list_filter = ("queue", "task", ("sent_at", admin.EmptyFieldListFilter))
    search_fields = ("id__exact",)
    search_help_text = "The message's id, which is also the task's"
    ordering = ("-id",)


# The library's own pages allow adding and editing results, and list groups of tasks, which this project does not use.
admin.site.unregister([TaskResult, GroupResult])


@admin.register(TaskResult)
class TaskResultAdmin(ReadOnlyAdmin):
    """The result of each task. A task has the id of its outbox row."""

    list_display = ("task_id", "task_name", "status", "date_done", "worker")
    list_filter = ("status", "task_name", "date_done")
    search_fields = ("task_id__exact",)
    search_help_text = "The task's id, which is also that of its outbox message"
    ordering = ("-date_done",)
    fields = ("task_id", "task_name", "status", "worker", "date_created", "date_done", "result", "traceback")
