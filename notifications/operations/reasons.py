"""Reasons not to send a message.

A queue message may arrive days late. So the sender checks each message against the current order, and against newer
messages: after an outage the customer reads only about the latest state.
"""

from __future__ import annotations

from charges import queries as charges
from charges.models import DunningRun, Refund
from notifications import queries
from notifications.models import Channel, Notification
from notifications.operations import suppressions
from notifications.operations.dedup_keys import NO_DEDUP_KEY, DedupKey
from orders.models import AWAITING_PAYMENT, Order
from subscriptions.models import Customer, Plan

Kind = Notification.Kind
GONE = (Order.Status.CANCELED, Order.Status.REFUNDED)
SUPERSEDED = "superseded"
ERASED = "customer_erased"

# The order statuses in which a message of this kind is true.
TRUE_WHILE = {
    Kind.PAYMENT_FAILED: (Order.Status.PAYMENT_FAILED,),
    Kind.PAYMENT_ACTION_REQUIRED: (Order.Status.REQUIRES_ACTION,),
    Kind.PAYMENT_REMINDER: (Order.Status.PAYMENT_FAILED, Order.Status.REQUIRES_ACTION),
    Kind.PAYMENT_LINK: AWAITING_PAYMENT,
}
# The refund status in which a message of this kind is true.
REFUND_IS = {Kind.REFUND_SUCCEEDED: Refund.Status.SUCCEEDED, Kind.REFUND_FAILED: Refund.Status.FAILED}


def not_to_send(*, kind: Notification.Kind, channel: Channel, order: Order, dedup_key: DedupKey = NO_DEDUP_KEY) -> str:
    """A code for the row, or an empty string if the message may be sent. Raises ``RefundNotFound``."""
    return (
        erased(customer=order.customer)
        or _untrue(kind, order, dedup_key)
        or (SUPERSEDED if _superseded(kind, order, dedup_key) else "")
        or (_no_consent(order) if channel == Channel.SMS else "")
        or suppressions.stopping_reason(channel=channel, order=order)
    )


def erased(*, customer: Customer) -> str:
    """A code if the customer's data was erased: the address is gone."""
    return ERASED if customer.erased_at is not None else ""


def _untrue(kind: Notification.Kind, order: Order, dedup_key: DedupKey) -> str:
    """A code if the message would not be true, or not any more."""
    if kind in TRUE_WHILE:
        return "" if order.status in TRUE_WHILE[kind] else f"order_{order.status}"
    if kind in REFUND_IS:  # also true if the order is canceled or refunded
        status = charges.refund_of_order(refund_id=dedup_key.refund_id, order_id=order.pk).status
        return "" if status == REFUND_IS[kind] else f"refund_{status}"
    if kind == Kind.DUNNING_EXHAUSTED:
        return _not_exhausted(order)
    if kind == Kind.TRIAL_REFUSED:
        return "" if order.status == Order.Status.CANCELED else f"order_{order.status}"
    if order.status in GONE:
        return f"order_{order.status}"
    if kind in (Kind.WELCOME, Kind.RECEIPT, Kind.ORDER_PAID) and order.paid_at is None:
        return "order_not_paid"
    return ""


def _not_exhausted(order: Order) -> str:
    run = queries.dunning_of(order=order)
    if run is None or run.status != DunningRun.Status.EXHAUSTED:
        return f"dunning_{run.status}" if run else "no_dunning"
    payable = (Order.Status.PAYMENT_FAILED, Order.Status.REQUIRES_ACTION)
    left_as = payable if run.unpaid_policy == Plan.UnpaidPolicy.PAST_DUE else (Order.Status.CANCELED,)
    return "" if order.status in left_as else f"order_{order.status}"


def _superseded(kind: Notification.Kind, order: Order, dedup_key: DedupKey) -> bool:
    """Whether a newer message replaces this one."""
    if dedup_key.attempt_number:
        return charges.is_attempt_superseded(order_id=order.pk, number=dedup_key.attempt_number)
    if dedup_key.step_number:
        return charges.is_step_superseded(order_id=order.pk, number=dedup_key.step_number)
    return False


def _no_consent(order: Order) -> str:
    if not order.sms_consent:
        return "no_consent"
    return "" if order.contact_phone else "no_phone"
