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
    # Hourly, off the full hour: the table stays small, and each run is short.
    "purge-outbox": {"task": "outbox.purge_messages", "schedule": crontab(minute="27")},
    # Every minute: a payment whose outcome nobody knows is asked for 5 minutes after it began, and a customer waits.
    "check-unknown-outcomes": {"task": "charges.check_unknown_outcomes", "schedule": crontab()},
    # Every 10 minutes: stuck work has already waited for the whole retry ladder, and an empty sweep is cheap.
    "sweep": {"task": "outbox.sweep", "schedule": crontab(minute="*/10")},
    # Hourly, off the full hour: webhooks come at once as a rule, and Stripe itself repeats them for days.
    "sweep-events": {"task": "charges.sweep_events", "schedule": crontab(minute="37")},
    # At night, when the tables are quiet, and before the working day of those who read what it finds.
    "check-ledger": {"task": "charges.check_ledger", "schedule": crontab(hour="4", minute="20")},
    # At night, when few payments are on their way; before the ledger is proven, which then sees what was resolved.
    "reconcile-payments": {"task": "charges.reconcile_payments", "schedule": crontab(hour="2", minute="30")},
    # At night, when the tables are quiet.
    "purge-task-results": {"task": "outbox.purge_task_results", "schedule": crontab(hour="3", minute="40")},
    # At night, after the other purge: a day more or less in five weeks does not matter.
    "purge-webhook-events": {"task": "inbox.purge_webhook_events", "schedule": crontab(hour="3", minute="50")},
}
