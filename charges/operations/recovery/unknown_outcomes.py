"""Check unknown outcomes of payments at Stripe.

If Stripe did not respond, the payment may have succeeded. Reading the intent shows the outcome. See
docs/adr/0009-sweeps-find-stuck-work.md.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.db import transaction
from django.db.models import Case, Q, QuerySet, Value, When

from charges.events import PaymentDue
from charges.models import ChargeAttempt
from charges.operations import locks
from integrations.outbox.events import publish_all

logger = logging.getLogger(__name__)

# How long after its begin an attempt is checked: after the quick retries, after the retries of the task, and after an
# ordinary outage.
CHECKED_AFTER = (dt.timedelta(minutes=5), dt.timedelta(hours=1), dt.timedelta(days=1))
WITHOUT_OUTCOME = (ChargeAttempt.Status.STARTED, ChargeAttempt.Status.UNKNOWN, ChargeAttempt.Status.PROCESSING)


@transaction.atomic(durable=True)
def check_unknown_outcomes(*, at: dt.datetime, batch: int = 500) -> int:
    """Publish a check for each attempt that is due, at most ``batch``. Return how many.

    An attempt that has missed several checks is checked once.
    """
    # Skip attempts that another transaction holds: a second run of this task, or a settlement that closes the attempt.
    attempts = locks.locked_available_attempts(_due(at=at)[:batch])
    if not attempts:
        return 0
    ChargeAttempt.objects.filter(pk__in=[attempt.pk for attempt in attempts]).update(outcome_checks=_checks_due(at=at))
    orders = [attempt.charge.order for attempt in attempts]
    publish_all(
        PaymentDue(order_id=order.pk, customer_id=order.customer_id, order_number=order.number) for order in orders
    )
    logger.info("The outcomes of %d attempts are checked.", len(attempts))
    return len(attempts)


def _due(*, at: dt.datetime) -> QuerySet[ChargeAttempt]:
    due = Q()
    for checked_before, after in enumerate(CHECKED_AFTER):
        due |= Q(outcome_checks__lte=checked_before, started_at__lte=at - after)
    return (
        ChargeAttempt.objects.filter(due, status__in=WITHOUT_OUTCOME)
        .select_related("charge__order")
        .order_by("started_at")
    )


def _checks_due(*, at: dt.datetime) -> Case:
    latest_first = reversed(list(enumerate(CHECKED_AFTER, start=1)))
    return Case(*(When(started_at__lte=at - after, then=Value(checks)) for checks, after in latest_first))
