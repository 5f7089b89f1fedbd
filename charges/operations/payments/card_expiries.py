"""Warn customers 30 days before a card expires with which a subscription renews.

A card that has expired here is charged all the same: the bank may have replaced it without telling us.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from charges.events import CardExpires
from charges.models import CardExpiryWarning, SavedPaymentMethod
from charges.queries import renewing_with
from integrations.outbox.events import publish_each

logger = logging.getLogger(__name__)

LEAD = dt.timedelta(days=30)
BATCH = 500
# The mails are spread over time, so that other mails always find room at Brevo.
WARNINGS_PER_SECOND = 10


def warn_of_expiring_cards(*, at: dt.datetime) -> int:
    """Publish a warning for each card that expires soon, once, and return their number."""
    warned = 0
    while claimed := claim_batch(at=at, already=warned):
        warned += claimed
    if warned:
        logger.info("%d cards expire soon.", warned)
    return warned


@transaction.atomic(durable=True)
def claim_batch(*, at: dt.datetime, already: int = 0, batch: int = BATCH) -> int:
    """Write at most ``batch`` warnings, and publish them. Return how many were found.

    ``already``: the number of warnings that this run has published, after which these ones are sent.
    """
    rows = [_warning_of(card) for card in expiring_cards(at=at).order_by("pk")[:batch]]
    CardExpiryWarning.objects.bulk_create(rows, ignore_conflicts=True)
    # A concurrent run may have written some of them first. It publishes those.
    written = set(CardExpiryWarning.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    publish_each(
        (
            CardExpires(warning_id=row.pk, customer_id=row.payment_method.customer_id),
            at + dt.timedelta(seconds=position / WARNINGS_PER_SECOND),
        )
        for position, row in enumerate((row for row in rows if row.pk in written), start=already)
    )
    return len(rows)


def expiring_cards(*, at: dt.datetime) -> QuerySet[SavedPaymentMethod]:
    """The cards that expire within ``LEAD``, with which a subscription renews, and without a warning so far."""
    warned = CardExpiryWarning.objects.filter(
        payment_method=OuterRef("pk"), exp_year=OuterRef("exp_year"), exp_month=OuterRef("exp_month")
    )
    renewing = renewing_with(customer_id=OuterRef("customer_id"), payment_method=OuterRef("payment_method_id"))
    return SavedPaymentMethod.objects.filter(
        _expires_between(at, at + LEAD), ~Exists(warned), Exists(renewing), removed_at=None
    )


def _warning_of(card: SavedPaymentMethod) -> CardExpiryWarning:
    assert card.exp_year is not None and card.exp_month is not None, "the query requires both"
    return CardExpiryWarning(payment_method=card, exp_year=card.exp_year, exp_month=card.exp_month)


def _expires_between(start: dt.datetime, end: dt.datetime) -> Q:
    """Cards whose last day lies between these times. A card is valid until the end of its month."""
    months, day = Q(pk__in=[]), start.date().replace(day=1)
    while day <= end.date():
        following = (day + dt.timedelta(days=31)).replace(day=1)
        if start.date() < following <= end.date():
            months |= Q(exp_year=day.year, exp_month=day.month)
        day = following
    return months
