"""Read orders."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db.models import F, QuerySet, Sum

from integrations.errors import PermanentError
from orders.change_figures import Paid
from orders.models import AWAITING_PAYMENT, PAID, BalanceEntry, Order, OrderLine, Quote, as_order_number
from subscriptions.email_addresses import email_key
from subscriptions.models import BillingPeriod, Subscription
from subscriptions.proration import Remainder


class OrderNotFound(PermanentError):
    """No order has this id. Trying again cannot help."""


def order_with_details(*, order_id: UUID) -> Order:
    """The order with its customer, plan and lines. Raises ``OrderNotFound``."""
    related = ("customer", "subscription__plan", "subscription__price")
    orders = Order.objects.select_related(*related).prefetch_related("lines")
    order = orders.filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound(f"There is no order {order_id}.")
    return order


def is_first_order(*, order: Order) -> bool:
    """Whether the order is the first one of its subscription."""
    return order.kind == Order.Kind.FIRST


def orders_of(*, customer_id: UUID) -> QuerySet[Order]:
    """The customer's orders with their lines. The caller sorts them."""
    return Order.objects.filter(customer_id=customer_id).prefetch_related("lines")


def order_by_number(*, number: str, email: str) -> Order | None:
    """The order with this typed number, if its customer has this e-mail address. Otherwise None."""
    stored = as_order_number(number)
    order = Order.objects.select_related("customer").filter(number=stored).first() if stored else None
    if order is None or order.customer.email_key != email_key(email.strip()):
        return None
    return order


def unpaid_order_of(*, subscription: Subscription) -> Order | None:
    """An order of the subscription that awaits payment, or None."""
    return Order.objects.filter(subscription=subscription, status__in=AWAITING_PAYMENT).first()


def change_order(*, pending_change_id: UUID) -> Order | None:
    """The order of a change of plan or quantity, or None if it has none."""
    return Order.objects.filter(pending_change=pending_change_id).first()


def quotes_of(*, subscription: Subscription) -> QuerySet[Quote]:
    """The quotes for changes of this subscription, with their prices and plans."""
    return Quote.objects.filter(subscription=subscription).select_related("price__plan")


def paid_for_period(*, subscription: Subscription) -> Paid | None:
    """The amount paid for the running period of the subscription, less refunds and chargebacks.

    None if the period was not billed. After a change within the period it is the debit of the last change, which pays
    for the time from that change on.
    """
    period = BillingPeriod.objects.get(subscription=subscription, number=subscription.period_number)
    if period.outcome != BillingPeriod.Outcome.BILLED:
        return None
    paid = Order.objects.filter(subscription=subscription, status__in=PAID)
    changes = _changes_within(period, paid)
    refunded = _refunded(paid.filter(period=period)) + _refunded(changes)
    last = changes.first()
    if last is not None:
        quote = Quote.objects.get(pending_change=last.pending_change_id)
        amount = _sum_of_lines(last, OrderLine.Kind.DEBIT) - max(0, refunded - quote.refunded)
        start = last.period_start
    else:
        order = paid.filter(period=period).first()
        amount = (_sum_of_lines(order, OrderLine.Kind.PERIOD) if order else 0) - refunded
        start = period.start
    return Paid(amount=max(0, amount), refunded=refunded, start=start, end=period.end)


def earliest_change(*, subscription: Subscription) -> dt.datetime:
    """A change comes after the begin of the running period, and after the last change in it.

    The clock may have gone back since, or another machine's clock may be ahead.
    """
    paid = paid_for_period(subscription=subscription)
    start = subscription.current_period_start if paid is None else paid.start
    return start + dt.timedelta(microseconds=1)


def unused_of_period(*, subscription: Subscription, at: dt.datetime) -> int:
    """The part of the price of the running period that pays for the time from ``at`` on, before refunds.

    What the bank has taken back is deducted. After a change within the period it is a part of the debit of the last
    change. 0 if the period is not paid.
    """
    period = BillingPeriod.objects.get(subscription=subscription, number=subscription.period_number)
    paid = Order.objects.filter(subscription=subscription, status__in=PAID)
    last = _changes_within(period, paid).first() or paid.filter(period=period).first()
    if last is None:
        return 0
    kind = OrderLine.Kind.PERIOD if last.period_id else OrderLine.Kind.DEBIT
    rest = Remainder.at(start=last.period_start, end=period.end, at=min(max(at, last.period_start), period.end))
    of_period = _changes_within(period, paid) | paid.filter(period=period)
    charged_back = of_period.aggregate(sum=Sum("amount_charged_back"))["sum"] or 0
    return max(0, rest.unused(_sum_of_lines(last, kind)) - charged_back)


def _changes_within(period: BillingPeriod, orders: QuerySet[Order]) -> QuerySet[Order]:
    """Those of these orders that changed plan or quantity within the period, newest first."""
    changes = orders.filter(kind=Order.Kind.CHANGE, period=None, period_start__gte=period.start, period_end=period.end)
    return changes.order_by("-period_start")


def _refunded(orders: QuerySet[Order]) -> int:
    """The amount that the customer got back for these orders, from us or from the bank."""
    return orders.aggregate(sum=Sum(F("amount_refunded") + F("amount_charged_back")))["sum"] or 0


def _sum_of_lines(order: Order, kind: OrderLine.Kind) -> int:
    return order.lines.filter(kind=kind).aggregate(sum=Sum("amount"))["sum"] or 0


def balance_entries(*, subscription_id: UUID) -> QuerySet[BalanceEntry]:
    """The changes of the subscription's balance with their orders, newest first."""
    entries = BalanceEntry.objects.filter(subscription_id=subscription_id).select_related("order")
    return entries.order_by("-at", "-pk")
