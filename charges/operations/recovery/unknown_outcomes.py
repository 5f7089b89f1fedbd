"""Asking for the outcomes of payments that nobody knows.

An unknown outcome is not a failure, and it does not stay unknown by our doing nothing: Stripe knows. See
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

# How long after it began an attempt is asked for its outcome: when the quick rounds are over, when the ladder is, and
# when an ordinary outage is.
CHECKED_AFTER = (dt.timedelta(minutes=5), dt.timedelta(hours=1), dt.timedelta(days=1))
WITHOUT_OUTCOME = (ChargeAttempt.Status.STARTED, ChargeAttempt.Status.UNKNOWN, ChargeAttempt.Status.PROCESSING)


@transaction.atomic(durable=True)
def check_unknown_outcomes(*, at: dt.datetime, batch: int = 500) -> int:
    """Have at most ``batch`` attempts asked for that are due to be, and return how many those were.

    An attempt that is several questions behind is asked for once.
    """
    # A second run at the same time takes the next attempts; nobody waits for a settlement that closes one of these.
    attempts = locks.locked_available_attempts(_due(at=at)[:batch])
    if not attempts:
        return 0
    ChargeAttempt.objects.filter(pk__in=[attempt.pk for attempt in attempts]).update(outcome_checks=_checks_due(at=at))
    orders = [attempt.charge.order for attempt in attempts]
    publish_all(
        PaymentDue(order_id=order.pk, customer_id=order.customer_id, order_number=order.number) for order in orders
    )
    logger.info("The outcomes of %d attempts are asked for.", len(attempts))
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
