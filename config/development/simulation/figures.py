"""The figures of each month: subscriptions, revenue by currency, and dunning."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from charges.models import DunningRun, Refund
from orders.models import PAID, Order
from subscriptions.models import Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One calendar month, in UTC. ``revenue``: paid minus refunded, in minor units, by currency.

    ``active``: subscriptions that have been paid once and have not ended, at the end of the month. ``failed``: renewals
    whose payment failed in this month. Of these, dunning has ``recovered`` some, and some are still ``waiting`` for its
    end.
    """

    start: dt.datetime
    active: int
    new: int
    ended: int
    revenue: dict[str, int]
    renewals: int
    failed: int
    recovered: int
    waiting: int

    @property
    def churn(self) -> float:
        """The share of subscriptions that ended in the month, of the ones at its beginning and the new ones."""
        before = self.active + self.ended
        return self.ended / before if before else 0.0


def months(*, start: dt.datetime, end: dt.datetime) -> list[Month]:
    """The figures of each month from ``start`` to ``end``."""
    found = []
    while start < end:
        following = min(_next_month(start), end)
        found.append(_month(start, following))
        start = following
    return found


def _next_month(moment: dt.datetime) -> dt.datetime:
    return (moment.replace(day=1) + dt.timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _month(start: dt.datetime, end: dt.datetime) -> Month:
    within = (start, end - dt.timedelta(microseconds=1))
    first_paid = Order.objects.filter(kind=Order.Kind.FIRST, paid_at__isnull=False)
    begun = Subscription.objects.filter(pk__in=first_paid.filter(paid_at__lt=end).values("subscription"))
    dunning = DunningRun.objects.filter(order__kind=Order.Kind.RENEWAL, started_at__range=within).aggregate(
        failed=Count("pk"),
        recovered=Count("pk", filter=Q(status=DunningRun.Status.RECOVERED)),
        waiting=Count("pk", filter=Q(status=DunningRun.Status.ACTIVE)),
    )
    return Month(
        start=start,
        active=begun.filter(Q(canceled_at=None) | Q(canceled_at__gte=end)).count(),
        new=first_paid.filter(paid_at__range=within).count(),
        ended=begun.filter(canceled_at__range=within).count(),
        revenue=_revenue(within),
        renewals=Order.objects.filter(kind=Order.Kind.RENEWAL, placed_at__range=within).count(),
        **dunning,
    )


def _revenue(within: tuple[dt.datetime, dt.datetime]) -> dict[str, int]:
    paid = Order.objects.filter(status__in=PAID, paid_at__range=within).values("currency")
    totals = {row["currency"]: row["total"] for row in paid.annotate(total=Sum("amount")).order_by("currency")}
    refunded = Refund.objects.filter(status=Refund.Status.SUCCEEDED, requested_at__range=within)
    for row in refunded.values("charge__currency").annotate(total=Sum("amount")):
        totals[row["charge__currency"]] = totals.get(row["charge__currency"], 0) - row["total"]
    return totals
