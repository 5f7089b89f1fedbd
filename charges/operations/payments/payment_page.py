"""What a customer sets going on the payment page."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, field

from django.db import transaction

from charges.events import PaymentLinkRequested, PaymentReturned
from charges.models import Charge, SavedPaymentMethod
from integrations.outbox.events import publish
from integrations.stripe import payment_intents
from orders.models import AWAITING_PAYMENT, Order

logger = logging.getLogger(__name__)

CONFIRMABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})


class NothingToConfirm(Exception):
    """The payment does not wait for its customer to confirm it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What the customer's browser confirms the payment with. The secret goes there and nowhere else."""

    client_secret: str = field(repr=False)
    payment_method: str


def confirmation(*, order: Order) -> Confirmation:
    """What the browser needs to have the customer authenticate the payment that the bank asks about.

    Reads the intent at Stripe. Raises ``NothingToConfirm``, and what the gateway raises.
    """
    charge = Charge.objects.filter(order=order, status=Charge.Status.REQUIRES_ACTION).first()
    if charge is None or charge.payment_intent_id is None or order.status != Order.Status.REQUIRES_ACTION:
        raise NothingToConfirm
    intent = payment_intents.for_browser(payment_intent_id=charge.payment_intent_id)
    if intent.status not in CONFIRMABLE:
        # Confirmed in another window, and we have not heard of it yet.
        note_return(order=order)
        raise NothingToConfirm
    return Confirmation(client_secret=intent.client_secret, payment_method=_card_of(charge))


def _card_of(charge: Charge) -> str:
    """Stripe's id of the card that the bank asks about."""
    asked_for = charge.attempts.order_by("-number").values_list("payment_method", flat=True)[0]
    saved = SavedPaymentMethod.objects.filter(customer=charge.order.customer_id, payment_method_id=asked_for).first()
    return (saved and saved.stripe_id) or asked_for


@transaction.atomic(durable=True)
def note_return(*, order: Order) -> None:
    """The customer is back from the bank; what came of it is read at Stripe, by a task."""
    if order.status in AWAITING_PAYMENT:
        publish(PaymentReturned(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))


@transaction.atomic(durable=True)
def request_link(*, order: Order, at: dt.datetime) -> None:
    """Have a fresh link sent to the customer, where there is something to pay: one an hour, however often asked."""
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
