"""Remind customers ahead of a boundary: of the end of a trial, and of a renewal.

The plan says how many days before. Each run finds the boundaries that lie that close, in batches, and writes one row
and one message for each. The row's unique key lets two runs at once remind once. If the shop was down until after a
boundary, nobody is reminded of it.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from integrations.outbox.events import publish_each
from subscriptions.events import ReminderDue
from subscriptions.models import PendingChange, Plan, Reminder, Skip, Subscription

logger = logging.getLogger(__name__)

Kind, Status = Reminder.Kind, Subscription.Status

# The plan's field with the lead of each kind, and the status in which a subscription is reminded.
LEADS = {
    Kind.TRIAL_ENDING: ("trial_reminder_days", Status.TRIALING),
    Kind.RENEWAL: ("renewal_reminder_days", Status.ACTIVE),
}
ENDS = (PendingChange.Kind.CANCEL, PendingChange.Kind.PAUSE)

BATCH = 500
# The mails of a run are spread over the time until the next run, so that other mails always find room at Brevo.
REMINDERS_PER_SECOND = 10
MAX_PER_RUN = 6000


def publish_due_reminders(*, at: dt.datetime) -> int:
    """Publish every reminder that is due, at most ``MAX_PER_RUN``, and return their number. The next run continues."""
    published = 0
    for kind, lead_days in _leads():
        while (batch := min(BATCH, MAX_PER_RUN - published)) > 0:
            claimed = claim_batch(kind=kind, lead_days=lead_days, already=published, batch=batch, at=at)
            published += claimed
            if claimed < batch:
                break
    if published:
        logger.info("%d reminders are due.", published)
    return published


@transaction.atomic(durable=True)
def claim_batch(*, kind: Reminder.Kind, lead_days: int, already: int, batch: int, at: dt.datetime) -> int:
    """Write at most ``batch`` due reminders of this kind and lead, and publish them. Return how many were found.

    ``already``: the number of reminders that this run has published, after which these ones are sent.
    """
    due = due_subscriptions(kind=kind, lead_days=lead_days, at=at)
    rows = [
        # Such a subscription renews, so the end of its period is the boundary.
        Reminder(subscription=subscription, kind=kind, boundary=subscription.current_period_end, lead_days=lead_days)
        for subscription in due.order_by("renews_at")[:batch]
    ]
    Reminder.objects.bulk_create(rows, ignore_conflicts=True)
    # A concurrent run may have written some of them first. It publishes those.
    written = set(Reminder.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    publish_each(
        (
            ReminderDue(reminder_id=row.pk, customer_id=row.subscription.customer_id),
            at + dt.timedelta(seconds=position / REMINDERS_PER_SECOND),
        )
        for position, row in enumerate((row for row in rows if row.pk in written), start=already)
    )
    return len(rows)


def due_subscriptions(*, kind: Reminder.Kind, lead_days: int, at: dt.datetime) -> QuerySet[Subscription]:
    """The subscriptions that have to be reminded now of the boundary that lies at most ``lead_days`` ahead.

    Left out are those that end or pause at the boundary, those whose next period is skipped, and those that were
    reminded of the boundary with this lead or a shorter one.
    """
    field, status = LEADS[kind]
    reminded = Reminder.objects.filter(
        subscription=OuterRef("pk"), kind=kind, boundary=OuterRef("renews_at"), lead_days__lte=lead_days
    )
    ending = PendingChange.objects.filter(subscription=OuterRef("pk"), closed_at=None, kind__in=ENDS)
    skipped = Skip.objects.filter(subscription=OuterRef("pk"), period_number=OuterRef("period_number") + 1)
    return Subscription.objects.filter(
        ~Exists(reminded),
        ~Exists(ending),
        ~Exists(skipped),
        status=status,
        renews_at__gt=at,
        renews_at__lte=at + dt.timedelta(days=lead_days),
        **{f"plan__{field}": lead_days},
    )


def _leads() -> list[tuple[Reminder.Kind, int]]:
    """Each lead that a plan has, with its kind. The reminders of a trial come first: they precede a first charge."""
    return [
        (kind, days)
        for kind, (field, _) in LEADS.items()
        for days in Plan.objects.filter(**{f"{field}__gt": 0}).values_list(F(field), flat=True).distinct().order_by()
    ]
