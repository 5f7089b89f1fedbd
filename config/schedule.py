"""Every periodic job, in one table: its task, its time and the reason for this time. Times are UTC.

Each run of a job is a message in the outbox. It waits while SQS is unavailable, and it is written once even if several
schedulers run.
"""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab

JOBS: dict[str, dict[str, Any]] = {
    # Hourly, off the full hour: responses expire after 24 hours, and an hour more is harmless.
    "purge-stored-responses": {"task": "orders.purge_stored_responses", "schedule": crontab(minute="17")},
    # Hourly, off the full hour: quotes are valid for minutes, and unused ones are kept for a day.
    "purge-unused-quotes": {"task": "orders.purge_unused_quotes", "schedule": crontab(minute="12")},
    # Hourly, off the full hour: the table stays small, and each run is short.
    "purge-outbox": {"task": "outbox.purge_messages", "schedule": crontab(minute="27")},
    # Every minute: a period begins at the hour of the sign-up, and the customer expects the charge then.
    "begin-due-renewals": {"task": "subscriptions.begin_due_renewals", "schedule": crontab()},
    # Every 10 minutes: a customer with a short trial is reminded soon after the checkout, and the mails of a run are
    # spread over 10 minutes.
    "publish-due-reminders": {"task": "subscriptions.publish_due_reminders", "schedule": crontab(minute="*/10")},
    # Every minute: a pause ends at the time that the customer chose.
    "lift-due-holds": {"task": "orders.lift_due_holds", "schedule": crontab()},
    # Once a day is enough, 30 days ahead. In the morning in Europe, when people read their mails.
    "warn-of-expiring-cards": {"task": "charges.warn_of_expiring_cards", "schedule": crontab(hour="7", minute="10")},
    # Every minute: a customer waits for the payment, and the first check is due 5 minutes after the attempt.
    "check-unknown-outcomes": {"task": "charges.check_unknown_outcomes", "schedule": crontab()},
    # Every 10 minutes: stuck work has already waited for the whole retry ladder, and an empty sweep is cheap.
    "sweep": {"task": "outbox.sweep", "schedule": crontab(minute="*/10")},
    # Hourly, off the full hour: webhooks usually arrive at once, and Stripe repeats them for days.
    "fetch-missed-events": {"task": "charges.fetch_missed_events", "schedule": crontab(minute="37")},
    # At night, when there is little load, and before the people who read its findings start work.
    "check-ledger": {"task": "charges.check_ledger", "schedule": crontab(hour="4", minute="20")},
    # At night, when few payments are in progress, and before the ledger check, which then sees the resolved ones.
    "reconcile-payments": {"task": "charges.reconcile_payments", "schedule": crontab(hour="2", minute="30")},
    # At night, when there is little load.
    "purge-task-results": {"task": "sqs.purge_task_results", "schedule": crontab(hour="3", minute="40")},
    # Hourly, off the full hour: what it deletes lives for an hour or a day, and the tables stay small.
    "purge-login-attempts": {"task": "accounts.purge_login_attempts", "schedule": crontab(minute="47")},
    # At night, after the other purge. Events are kept for five weeks, so the exact time does not matter.
    "purge-webhook-events": {"task": "inbox.purge_webhook_events", "schedule": crontab(hour="3", minute="50")},
}
