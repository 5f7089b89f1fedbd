"""The refund when the subscription ends now: the unused part of the period, and the credit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from charges.models import Charge, Dispute
from charges.operations import locks
from orders import queries as orders
from orders.operations.balances import balance_of
from subscriptions.models import Subscription
from subscriptions.money import whole_steps

# The bank has this money, or decides about it. Stripe refuses a refund of it.
IN_DISPUTE = Q(is_inquiry=False, closed_at=None) | Q(funds=Dispute.Funds.WITHDRAWN)
# A credit comes from recent payments. The limit bounds the number of locks.
MAX_PAYMENTS = 50


class PaidMeanwhile(Exception):
    """A payment succeeded after the payments were locked, and before the subscription was. Begin again."""


def check_locked(payments: QuerySet[Charge], *, locked: Collection[Charge]) -> None:
    """Raise ``PaidMeanwhile`` unless all of these payments are locked. The subscription is locked.

    No payment succeeds while the subscription is locked, and none for a subscription that has ended.
    """
    if set(payments.values_list("pk", flat=True)) - {charge.pk for charge in locked}:
        raise PaidMeanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Refundable:
    """``parts``: the amount to refund of each payment, in minor units. ``credit``: how much of it is the balance."""

    parts: Mapping[Charge, int]
    credit: int

    @property
    def total(self) -> int:
        """The amount that the customer gets back, in minor units."""
        return sum(self.parts.values())


def locked_payments(*, subscription_id: UUID, at: dt.datetime) -> list[Charge]:
    """The payments that a cancellation can refund, locked with their orders in the order of the orders' ids.

    These are the payments for a period that has not ended; if there is a credit, also earlier ones. Call it before the
    subscription is locked.
    """
    subscription = Subscription.objects.select_related("price").get(pk=subscription_id)
    order_ids = sorted(_payments(subscription, at=at).values_list("order_id", flat=True))
    return [locks.locked_charge_of_order(order_id=order_id) for order_id in order_ids]


def check_all_locked(*, subscription: Subscription, payments: Collection[Charge], at: dt.datetime) -> None:
    """Raise ``PaidMeanwhile`` unless these are all payments that ``locked_payments`` is to lock."""
    check_locked(_payments(subscription, at=at), locked=payments)


def unused_part(*, subscription: Subscription, at: dt.datetime) -> int:
    """The amount that a cancellation at this time can refund, in minor units of the price's currency."""
    payments = _payments(subscription, at=at).select_related("order")
    return refundable(subscription=subscription, payments=list(payments), at=at).total


def refundable(*, subscription: Subscription, payments: list[Charge], at: dt.datetime) -> Refundable:
    """The parts of these payments to refund: the unused part of the current period, and the subscription's credit.

    For the unused part, only payments for the current period count: the period itself, and changes of plan or quantity
    within it. A change to a cheaper plan has credited a part of the period already, so the price since the last change
    counts. The newest payment is refunded first. Another payment does not refund what the bank took back.
    """
    newest_first = sorted(payments, key=lambda charge: charge.order_id, reverse=True)
    current = [charge for charge in newest_first if charge.order.period_start >= subscription.current_period_start]
    parts: dict[Charge, int] = {}
    _take(parts, current, orders.unused_of_period(subscription=subscription, at=at))
    credit = _take(parts, newest_first, balance_of(subscription=subscription))
    return Refundable(parts=parts, credit=credit)


def _take(parts: dict[Charge, int], payments: list[Charge], amount: int) -> int:
    """Take up to ``amount`` from these payments, in their order, and return how much was taken."""
    taken = 0
    for charge in payments:
        left = charge.amount - charge.amount_refunded - parts.get(charge, 0)
        part = whole_steps(amount=min(amount - taken, left), currency=charge.currency)
        if part > 0:
            parts[charge] = parts.get(charge, 0) + part
            taken += part
    return taken


def _payments(subscription: Subscription, *, at: dt.datetime) -> QuerySet[Charge]:
    disputed = Dispute.objects.filter(IN_DISPUTE).values("charge")
    paid = Charge.objects.filter(order__subscription=subscription, status=Charge.Status.SUCCEEDED)
    if balance_of(subscription=subscription) <= 0:
        paid = paid.filter(order__period_end__gt=at)
    return paid.exclude(pk__in=disputed).order_by("-order_id")[:MAX_PAYMENTS]
