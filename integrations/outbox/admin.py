from __future__ import annotations

from django.contrib import admin
from django_celery_results.models import GroupResult, TaskResult

from integrations.admin import ReadOnlyAdmin
from integrations.outbox.models import OutboxMessage


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """What was sent, what waits, and why."""

    list_display = ("task", "created_at", "sent_at", "attempts", "last_error", "not_before", "queue", "id")
    list_filter = ("queue", "task", ("sent_at", admin.EmptyFieldListFilter))
    search_fields = ("id__exact",)
    search_help_text = "Our id, which is also the task's"
    ordering = ("-id",)


# The library's own lists offer to add and to edit results, and one for groups of tasks, which we do not have.
admin.site.unregister([TaskResult, GroupResult])


@admin.register(TaskResult)
class TaskResultAdmin(ReadOnlyAdmin):
    """What became of each task; its id is that of its outbox row."""

    list_display = ("task_id", "task_name", "status", "date_done", "worker")
    list_filter = ("status", "task_name", "date_done")
    search_fields = ("task_id__exact",)
    search_help_text = "The task's id, which is also that of its outbox message"
    ordering = ("-date_done",)
    fields = ("task_id", "task_name", "status", "worker", "date_created", "date_done", "result", "traceback")
