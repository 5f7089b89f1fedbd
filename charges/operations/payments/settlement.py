"""Making an outcome true everywhere in one transaction: attempt, charge, order, subscription, and who hears
of it.

It only moves forward. A charge that succeeded stays so; the same outcome told twice changes nothing the
second time.
"""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from django.db import transaction

from charges.declines import classification
from charges.events import PaymentActionRequired, PaymentFailed
from charges.models import Charge, ChargeAttempt, SavedCard
from charges.operations import dunning, locks
from charges.operations.refunds import requests as refund_requests
from integrations.errors import PermanentError
from integrations.outbox.events import publish
from integrations.stripe.results import Decline, PaymentIntent
from orders.models import Order
from orders.operations import cancellation, payments
from subscriptions.models import Subscription
from subscriptions.operations import subscriptions

logger = logging.getLogger(__name__)


class IntentDiffers(PermanentError):
    """The intent is not the charge's, or is over another amount: nothing is settled until somebody has
    looked."""


class UnexpectedIntent(PermanentError):
    """The intent is in a state that our payments never pass through."""


@transaction.atomic(durable=True)
def settle(*, charge_id: UUID, intent: PaymentIntent, at: dt.datetime) -> Charge:
    """Believe the intent, and return the charge as it is then: still undecided where the intent waits to be
    confirmed.

    Raises ``IntentDiffers`` and ``UnexpectedIntent``.
    """
    charge = locks.locked_charge(charge_id=charge_id)
    _check_identity(charge, intent)
    if charge.status == Charge.Status.SUCCEEDED:
        return charge
    match intent.status:
        case "succeeded":
            _succeed(charge, intent, at=at)
        case "processing":
            _wait(charge, at=at)
        case "requires_action" if not _is_of_earlier_card(charge, intent.payment_method_id):
            _ask_customer(charge, Decline(), at=at)
        case "canceled":
            _fail(charge, Charge.Status.CANCELED, ChargeAttempt.Status.CANCELED, at=at)
        case "requires_payment_method" if intent.decline is not None and _is_news(charge, intent, intent.decline):
            _decline(charge, intent.decline, at=at)
        case "requires_payment_method" | "requires_confirmation" | "requires_action":
            pass
        case _:
            raise UnexpectedIntent(f"Intent {intent.id} of charge {charge.pk} is in the state {intent.status}.")
    return charge


@transaction.atomic(durable=True)
def settle_decline(*, charge_id: UUID, decline: Decline, at: dt.datetime) -> Charge:
    """The bank's answer to the open attempt is no, or that the customer has to authenticate."""
    charge = locks.locked_charge(charge_id=charge_id)
    if charge.status != Charge.Status.SUCCEEDED and _open_attempt(charge) is not None:
        _decline(charge, decline, at=at)
    return charge


@transaction.atomic(durable=True)
def settle_refusal(*, charge_id: UUID, code: str, at: dt.datetime) -> Charge:
    """Stripe would not take our request; nothing was charged.

    Where that lies with the card, the order waits for another one. Otherwise it is our fault: the order stays as it is,
    the customer hears nothing, and the message, sent again after our fix, captures it.
    """
    charge = locks.locked_charge(charge_id=charge_id)
    if charge.status == Charge.Status.SUCCEEDED or _open_attempt(charge) is None:
        return charge
    decline = Decline(code=code)
    if classification.classify(decline, refused=True).category is classification.Category.OUR_FAULT:
        logger.error("Charge %s was refused (%s), which is our fault.", charge.pk, code or "no code")
        _set_status(charge, Charge.Status.FAILED)
        closed = _close_attempt(charge, ChargeAttempt.Status.REFUSED, decline, at=at)
        if closed is not None and closed.trigger == ChargeAttempt.Trigger.NEW_CARD:
            payments.mark_payment_failed(order=charge.order)  # as it was before; he may try another one meanwhile
        dunning.refused_by_our_fault(charge=charge, at=at)
    else:
        _fail(charge, Charge.Status.FAILED, ChargeAttempt.Status.REFUSED, decline, at=at)
    return charge


@transaction.atomic(durable=True)
def put_off(*, charge_id: UUID, at: dt.datetime) -> bool:
    """Whether the open attempt must not ask for money now, because its subscription was paused after it had begun.

    Nothing is called off: the intent stays open for when the subscription goes on. The attempt is closed unless Stripe
    was asked to confirm it already; then its outcome will be read, as any other. A customer's own try is none of this.
    """
    charge = locks.locked_charge(charge_id=charge_id)
    attempt = _open_attempt(charge)
    if attempt is None or attempt.trigger == ChargeAttempt.Trigger.NEW_CARD:
        return False
    if not payments.is_put_off(order=charge.order):
        return False
    logger.info("Charge %s is not asked for while its subscription is paused.", charge.pk)
    if attempt.confirmed_at is None:
        _close_attempt(charge, ChargeAttempt.Status.CANCELED, Decline(), at=at)
        if charge.order.status == Order.Status.PAYMENT_FAILED:
            _set_status(charge, Charge.Status.FAILED)
    return True


@transaction.atomic(durable=True)
def settle_called_off(*, charge_id: UUID, at: dt.datetime) -> Charge:
    """The order no longer awaits payment, and Stripe was never asked for an intent."""
    charge = locks.locked_charge(charge_id=charge_id)
    _fail(charge, Charge.Status.CANCELED, ChargeAttempt.Status.CANCELED, at=at)
    return charge


def _check_identity(charge: Charge, intent: PaymentIntent) -> None:
    if intent.id != charge.payment_intent_id:
        raise IntentDiffers(f"Charge {charge.pk} belongs to {charge.payment_intent_id}, not to {intent.id}.")
    if (intent.amount, intent.currency) != (charge.amount, charge.currency):
        raise IntentDiffers(f"Intent {intent.id} is over another amount than its charge {charge.pk}.")


def _succeed(charge: Charge, intent: PaymentIntent, *, at: dt.datetime) -> None:
    charge.status = Charge.Status.SUCCEEDED
    charge.succeeded_at = at
    charge.stripe_charge_id = intent.latest_charge_id
    charge.save(update_fields=["status", "succeeded_at", "stripe_charge_id", "updated_at"])
    _close_attempt(charge, ChargeAttempt.Status.SUCCEEDED, Decline(stripe_charge_id=intent.latest_charge_id), at=at)
    order = charge.order
    if payments.is_wanted(order=order):
        dunning.recovered(order=order, at=at)  # its run is locked before its subscription, as everywhere
        payments.mark_paid(order=order, at=at)
        if charge.payment_method != order.payment_method and _is_of_its_card(charge, intent):
            subscriptions.use_card(subscription=order.subscription, payment_method=charge.payment_method)
    else:
        _give_back(charge, at=at)


def _is_of_its_card(charge: Charge, intent: PaymentIntent) -> bool:
    """Whether the charge's card has paid, and not one that the customer tried before it, or by himself."""
    cards = SavedCard.objects.filter(customer=charge.order.customer_id, requested=charge.payment_method)
    return cards.filter(stripe_id=intent.payment_method_id).exists()


def _give_back(charge: Charge, *, at: dt.datetime) -> None:
    """The customer paid what had been called off a moment before: the money goes back by itself."""
    logger.error("Charge %s was captured for an order that is %s.", charge.pk, charge.order.status)
    dunning.stop(order_id=charge.order_id, reason="not_wanted", at=at)  # its run is locked before its subscription
    cancellation.cancel_unpaid(order=charge.order, at=at)
    refund_requests.refund_for_canceled_order(charge=charge)


def _wait(charge: Charge, *, at: dt.datetime) -> None:
    if charge.status not in (Charge.Status.PROCESSING, Charge.Status.CANCELED):
        _set_status(charge, Charge.Status.PROCESSING)
        _close_attempt(charge, ChargeAttempt.Status.PROCESSING, Decline(), at=at)


def _decline(charge: Charge, decline: Decline, *, at: dt.datetime) -> None:
    if decline.needs_authentication:
        _ask_customer(charge, decline, at=at)
    else:
        _fail(charge, Charge.Status.FAILED, ChargeAttempt.Status.DECLINED, decline, at=at)


def _ask_customer(charge: Charge, decline: Decline, *, at: dt.datetime) -> None:
    if charge.status not in (Charge.Status.PENDING, Charge.Status.PROCESSING):
        return
    _set_status(charge, Charge.Status.REQUIRES_ACTION)
    asked = _close_attempt(charge, ChargeAttempt.Status.REQUIRES_ACTION, decline, at=at)
    if payments.mark_requires_action(order=charge.order) and payments.is_wanted(order=charge.order):
        _tell(PaymentActionRequired, charge, asked)
        dunning.payment_failed(charge=charge, at=at)


def _fail(
    charge: Charge,
    status: Charge.Status,
    attempt_status: ChargeAttempt.Status,
    decline: Decline | None = None,
    *,
    at: dt.datetime,
) -> None:
    if charge.status == status:
        return
    _set_status(charge, status)
    closed = _close_attempt(charge, attempt_status, decline or Decline(), at=at)
    news = payments.mark_payment_failed(order=charge.order)
    if not payments.is_wanted(order=charge.order):
        return
    if news or closed:
        _tell(PaymentFailed, charge, closed)
    if status == Charge.Status.CANCELED:
        dunning.give_up(charge=charge, at=at)
    else:
        dunning.payment_failed(charge=charge, at=at)


def _tell(
    event: type[PaymentActionRequired | PaymentFailed], charge: Charge, attempt: ChargeAttempt | None
) -> None:
    order = charge.order
    number = attempt.number if attempt else charge.attempts.count()
    publish(
        event(order_id=order.pk, customer_id=order.customer_id, order_number=order.number, attempt_number=number)
    )


def _set_status(charge: Charge, status: Charge.Status) -> None:
    charge.status = status
    charge.save(update_fields=["status", "updated_at"])


def _open_attempt(charge: Charge) -> ChargeAttempt | None:
    return charge.attempts.filter(status__in=ChargeAttempt.OPEN).first()


def _close_attempt(
    charge: Charge, status: ChargeAttempt.Status, decline: Decline, *, at: dt.datetime
) -> ChargeAttempt | None:
    """Write the outcome on the open attempt. There is none where the customer paid by himself, without us."""
    attempt = _open_attempt(charge)
    if attempt is None:
        return None
    attempt.status = status
    attempt.finished_at = None if status in ChargeAttempt.OPEN else at
    attempt.code = decline.code[:100]
    attempt.decline_code = decline.decline_code[:100]
    attempt.advice_code = decline.advice_code[:100]
    attempt.network_advice_code = decline.network_advice_code[:20]
    attempt.network_decline_code = decline.network_decline_code[:20]
    attempt.stripe_charge_id = decline.stripe_charge_id[:255]
    attempt.save()
    return attempt


def _is_of_earlier_card(charge: Charge, card_id: str) -> bool:
    """Whether what the intent shows is about a card that the customer has replaced since. The new one is yet to be
    tried, and what became of the other one is no answer to that."""
    attempt = _open_attempt(charge)
    if charge.status != Charge.Status.PENDING or attempt is None or not card_id:
        return False
    cards = SavedCard.objects.filter(customer=charge.order.customer_id, requested=attempt.payment_method)
    return not cards.filter(stripe_id=card_id).exists()


def _is_yet_to_be_confirmed(charge: Charge) -> bool:
    attempt = _open_attempt(charge)
    return charge.status == Charge.Status.PENDING and attempt is not None and attempt.confirmed_at is None


def _is_news(charge: Charge, intent: PaymentIntent, decline: Decline) -> bool:
    """Whether the failure that the intent remembers is a later one than those that we have on record.

    None is the answer to an attempt that was never confirmed: the customer tried by himself, in a browser. Each refusal
    by a bank leaves a Stripe charge of its own, which tells two alike apart. A failure without one cannot
    be told from another of its kind; then the attempt stays open, and asking again under its key brings the answer. One
    that was answered already, and waits for its customer or its bank, is compared with itself only: its key repeats
    that answer.
    """
    if charge.status in (Charge.Status.FAILED, Charge.Status.CANCELED):
        return False
    if _is_of_earlier_card(charge, intent.declined_card_id) or _is_yet_to_be_confirmed(charge):
        return False
    if decline.stripe_charge_id:
        return not charge.attempts.filter(stripe_charge_id=decline.stripe_charge_id).exists()
    known = charge.attempts.filter(code=decline.code, decline_code=decline.decline_code)
    if charge.status != Charge.Status.PENDING:
        known = known.filter(status__in=ChargeAttempt.OPEN)
    return not known.exists()


@transaction.atomic(durable=True)
def is_wanted(*, charge_id: UUID, at: dt.datetime) -> bool:
    """Whether the charge's order still wants to be paid; one whose subscription has ended is canceled here and now."""
    order = locks.locked_charge(charge_id=charge_id).order
    if order.subscription.status == Subscription.Status.CANCELED:
        cancellation.cancel_unpaid(order=order, at=at)
    return payments.is_wanted(order=order)
