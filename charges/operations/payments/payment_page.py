"""The operations behind the payment page: confirm in the browser, return from the bank, request a new link."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, field

from django.db import transaction

from charges.events import PaymentLinkRequested, PaymentReturned
from charges.models import Charge, SavedPaymentMethod
from charges.operations.payments import intents
from integrations.outbox.events import publish
from orders.models import AWAITING_PAYMENT, Order

logger = logging.getLogger(__name__)

CONFIRMABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})


class NothingToConfirm(Exception):
    """The payment does not wait for the customer's confirmation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The browser confirms the payment with these values. Send the secret to no one else.

    ``saves_card``: the secret is that of a setup intent, which Stripe.js confirms by another function.
    """

    client_secret: str = field(repr=False)
    payment_method: str
    saves_card: bool


def confirmation(*, order: Order) -> Confirmation:
    """The values with which the browser lets the customer authenticate the payment.

    Reads the intent at Stripe. Raises ``NothingToConfirm``, and what the gateway raises.
    """
    charge = Charge.objects.filter(order=order, status=Charge.Status.REQUIRES_ACTION).first()
    if charge is None or charge.payment_intent_id is None or order.status != Order.Status.REQUIRES_ACTION:
        raise NothingToConfirm
    intent = intents.api_of(charge).for_browser(payment_intent_id=charge.payment_intent_id)
    if intent.status not in CONFIRMABLE:
        # The customer confirmed in another window, and the event has not arrived yet.
        note_return(order=order)
        raise NothingToConfirm
    return Confirmation(
        client_secret=intent.client_secret, payment_method=_payment_method_of(charge), saves_card=charge.saves_card
    )


def _payment_method_of(charge: Charge) -> str:
    """Stripe's id of the payment method that the customer has to authenticate."""
    given = charge.attempts.order_by("-number").values_list("payment_method", flat=True)[0]
    saved = SavedPaymentMethod.objects.filter(customer=charge.order.customer_id, payment_method_id=given).first()
    return (saved and saved.stripe_id) or given


@transaction.atomic(durable=True)
def note_return(*, order: Order) -> None:
    """The customer returned from the bank. A task reads the outcome at Stripe."""
    if order.status in AWAITING_PAYMENT:
        publish(PaymentReturned(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))


@transaction.atomic(durable=True)
def request_link(*, order: Order, at: dt.datetime) -> None:
    """Send the customer a new payment link if the order awaits payment: at most one per hour."""
    if order.status not in AWAITING_PAYMENT:
        logger.info("Order %s does not await payment; no new link is sent.", order.pk)
        return
    publish(
        PaymentLinkRequested(
            order_id=order.pk,
            customer_id=order.customer_id,
            order_number=order.number,
            request=f"{order.number}-{at:%Y%m%d%H}",
        )
    )
