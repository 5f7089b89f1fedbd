"""Collect the facts for a message at the moment it is sent."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from django.conf import settings

from charges import cancel_links, payment_links
from charges import queries as charges
from charges.declines import NOT_APPROVED
from charges.models import Refund
from notifications import queries
from notifications.models import Notification
from notifications.operations.dedup_keys import NO_DEDUP_KEY, DedupKey
from notifications.rendering.message_context import (
    MessageContext,
    Outcome,
    PaymentPage,
    Receipt,
    Refunded,
)
from orders.change_figures import renewal_amount
from orders.models import Order
from orders.operations.balances import balance_of
from subscriptions import queries as subscriptions
from subscriptions.models import Plan, Subscription
from subscriptions.queries import NextCharge

Kind = Notification.Kind

WITH_A_REASON = (Kind.PAYMENT_FAILED, Kind.PAYMENT_REMINDER, Kind.DUNNING_EXHAUSTED)
WITH_A_LINK = (Kind.PAYMENT_FAILED, Kind.PAYMENT_ACTION_REQUIRED, Kind.PAYMENT_REMINDER, Kind.PAYMENT_LINK)
RECEIPTS = (Kind.WELCOME, Kind.RECEIPT)
ABOUT_A_REFUND = (Kind.REFUND_SUCCEEDED, Kind.REFUND_FAILED)
OUTCOMES = {
    Plan.UnpaidPolicy.CANCEL: Outcome.CANCELED,
    Plan.UnpaidPolicy.PAUSE: Outcome.PAUSED,
    Plan.UnpaidPolicy.PAST_DUE: Outcome.PAST_DUE,
}


def message_context(
    *, kind: Notification.Kind, order: Order, at: dt.datetime, dedup_key: DedupKey = NO_DEDUP_KEY
) -> MessageContext:
    """The facts that this kind of message states besides its order. Raises ``RefundNotFound``."""
    outcome = _outcome(order) if kind == Kind.DUNNING_EXHAUSTED else None
    return MessageContext(
        because=queries.why_unpaid(order=order) if kind in WITH_A_REASON else NOT_APPROVED,
        page=_page(order, at) if kind in WITH_A_LINK or outcome == Outcome.PAST_DUE else None,
        next_attempt_at=_next_attempt_at(order, at) if kind == Kind.PAYMENT_FAILED else None,
        to_confirm=order.status == Order.Status.REQUIRES_ACTION,
        outcome=outcome,
        refunded=_refunded(order, dedup_key) if kind in ABOUT_A_REFUND else None,
        receipt=_receipt(order) if kind in RECEIPTS else None,
        cancel_url=cancel_url(order.subscription),
    )


def cancel_url(subscription: Subscription) -> str:
    """The page on which the customer cancels the subscription, or an empty text if it has ended."""
    if subscription.status == Subscription.Status.CANCELED:
        return ""
    return cancel_links.cancel_link(subscription_id=subscription.pk)


def next_charge(subscription: Subscription) -> NextCharge | None:
    """The next charge that is planned now, less the subscription's credit. None if no charge follows."""
    planned = subscriptions.next_charge(subscription=subscription)
    if planned is None:
        return None
    amount = renewal_amount(
        total=planned.amount, balance=balance_of(subscription=subscription), currency=planned.price.currency
    )
    return replace(planned, amount=amount)


def _receipt(order: Order) -> Receipt | None:
    if order.paid_at is None:
        return None
    card = charges.card_of_order(order=order)
    subscription = order.subscription
    return Receipt(
        paid_at=order.paid_at,
        brand=card.brand if card else "",
        last4=card.last4 if card else "",
        next_charge=next_charge(subscription),
        is_trial=order.amount == 0 and subscription.status == Subscription.Status.TRIALING,
    )


def _page(order: Order, at: dt.datetime) -> PaymentPage:
    expires_at = at + dt.timedelta(days=settings.PAYMENT_LINK_DAYS)
    return PaymentPage(
        url=payment_links.payment_link(order_id=order.pk, at=at),
        last_day=(expires_at - dt.timedelta(days=1)).astimezone(dt.UTC).date(),
    )


def _next_attempt_at(order: Order, at: dt.datetime) -> dt.datetime | None:
    """When dunning charges the card again. None if that is due already: its outcome gets a message of its own."""
    moment = charges.next_attempt_at(order_id=order.pk)
    return moment if moment is not None and moment > at else None


def _outcome(order: Order) -> Outcome | None:
    run = queries.dunning_of(order=order)
    if run is None:
        return None
    if order.subscription.status == Subscription.Status.CANCELED:
        return Outcome.CANCELED  # the subscription never began, so it cannot be paused
    return OUTCOMES[Plan.UnpaidPolicy(run.unpaid_policy)]


def _refunded(order: Order, dedup_key: DedupKey) -> Refunded:
    refund = charges.refund_of_order(refund_id=dedup_key.refund_id, order_id=order.pk)
    return Refunded(
        amount=refund.amount,
        currency=refund.charge.currency,
        whole=refund.amount == refund.charge.amount,
        after_cancellation=refund.origin == Refund.Origin.SHOP,
    )
