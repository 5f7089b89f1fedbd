"""Every periodic job, in one table: what runs, when, and why then. Times are UTC.

A tick is an outbox row like any other message, so it waits for SQS when SQS is away; however many schedulers run,
a tick is published once.
"""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab

JOBS: dict[str, dict[str, Any]] = {
    # Hourly, off the full hour: keys live 24 hours, an hour more does no harm.
    "purge-idempotency-keys": {"task": "orders.purge_idempotency_keys", "schedule": crontab(minute="17")},
    # At night, when the tables are quiet, and before the working day of those who read what it finds.
    "check-ledger": {"task": "charges.check_ledger", "schedule": crontab(hour="4", minute="20")},
    # At night, when the tables are quiet.
    "purge-task-results": {"task": "orders.purge_task_results", "schedule": crontab(hour="3", minute="40")},
}
