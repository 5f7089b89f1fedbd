"""Settle an outcome in one transaction: attempt, charge, order, subscription and events.

A charge only moves forward. A charge that succeeded stays so, and the same outcome changes nothing the second time.
"""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from django.db import transaction

from charges import declines
from charges.events import PaymentActionRequired, PaymentFailed, TrialRefused
from charges.models import Charge, ChargeAttempt
from charges.operations import attempts, locks
from charges.operations.dunning import ending, runs
from charges.operations.payments import intent_history
from charges.operations.refunds import requests as refund_requests
from integrations.errors import PermanentError
from integrations.outbox.events import publish
from integrations.stripe.results import Decline, PaymentIntent
from orders.models import Order
from orders.operations import cancellation, payments
from subscriptions import actors
from subscriptions.models import Subscription
from subscriptions.operations import subscriptions
from subscriptions.operations.trial_uses import claim_card

logger = logging.getLogger(__name__)

ACTOR = actors.system("charges.settlement")


class IntentDiffers(PermanentError):
    """The intent belongs to another charge or has another amount. Nothing is settled until a person has looked."""


class UnexpectedIntent(PermanentError):
    """The intent is in a state that our payments never reach."""


@transaction.atomic(durable=True)
def settle(*, charge_id: UUID, intent: PaymentIntent, at: dt.datetime) -> Charge:
    """Settle what the intent shows, and return the charge. It stays pending while the intent waits for confirmation.

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
            _process(charge, at=at)
        case "requires_action":
            if not intent_history.is_about_replaced_payment_method(
                charge=charge, payment_method_id=intent.payment_method_id
            ):
                _require_action(charge, Decline(), at=at)
        case "canceled":
            _fail(charge, Charge.Status.CANCELED, ChargeAttempt.Status.CANCELED, at=at)
        case "requires_payment_method":
            _settle_last_error(charge, intent, at=at)
        case "requires_confirmation":
            pass
        case _:
            raise UnexpectedIntent(f"Intent {intent.id} of charge {charge.pk} is in the state {intent.status}.")
    return charge


@transaction.atomic(durable=True)
def settle_decline(*, charge_id: UUID, decline: Decline, at: dt.datetime) -> Charge:
    """The bank declined the open attempt, or requires the customer to authenticate."""
    charge = locks.locked_charge(charge_id=charge_id)
    if charge.status != Charge.Status.SUCCEEDED and attempts.open_attempt(charge=charge) is not None:
        _decline(charge, decline, at=at)
    return charge


@transaction.atomic(durable=True)
def settle_invalid_request(*, charge_id: UUID, code: str, at: dt.datetime) -> Charge:
    """Stripe rejected our request; nothing was charged.

    If the payment method is the cause, the order waits for another one. Otherwise we made a mistake: the order stays
    as it is, the customer gets no message, and the payment is captured when the message is sent again after our fix.
    """
    charge = locks.locked_charge(charge_id=charge_id)
    if charge.status == Charge.Status.SUCCEEDED or attempts.open_attempt(charge=charge) is None:
        return charge
    decline = Decline(code=code)
    if declines.classify(decline, invalid_request=True).category is declines.Category.OUR_FAULT:
        _fail_by_our_fault(charge, decline, at=at)
    else:
        _fail(charge, Charge.Status.FAILED, ChargeAttempt.Status.REJECTED, decline, at=at)
    return charge


@transaction.atomic(durable=True)
def settle_canceled(*, charge_id: UUID, at: dt.datetime) -> Charge:
    """The order no longer awaits payment, and no intent was requested."""
    charge = locks.locked_charge(charge_id=charge_id)
    _fail(charge, Charge.Status.CANCELED, ChargeAttempt.Status.CANCELED, at=at)
    return charge


@transaction.atomic(durable=True)
def postpone_if_paused(*, charge_id: UUID, at: dt.datetime) -> bool:
    """Postpone the open attempt if its subscription was paused since it began. Return whether it is postponed.

    The intent stays open until the subscription resumes. The attempt is closed, unless Stripe was already asked to
    confirm it; then its outcome will be read like any other. An attempt with a payment method that the customer just
    gave is never postponed.
    """
    charge = locks.locked_charge(charge_id=charge_id)
    attempt = attempts.open_attempt(charge=charge)
    if attempt is None or attempt.trigger == ChargeAttempt.Trigger.NEW_PAYMENT_METHOD:
        return False
    if not payments.is_collection_paused(order=charge.order):
        return False
    logger.info("The attempt at charge %s is postponed while its subscription is paused.", charge.pk)
    if attempt.confirmed_at is None:
        attempts.record_outcome(charge=charge, status=ChargeAttempt.Status.CANCELED, decline=Decline(), at=at)
        if charge.order.status == Order.Status.PAYMENT_FAILED:
            _set_status(charge, Charge.Status.FAILED)
    return True


@transaction.atomic(durable=True)
def cancel_order_of_ended_subscription(*, charge_id: UUID, at: dt.datetime) -> None:
    """Cancel the charge's order if its subscription has ended."""
    order = locks.locked_charge(charge_id=charge_id).order
    if order.subscription.status == Subscription.Status.CANCELED:
        cancellation.cancel_unpaid(order=order, at=at)


def is_payable(*, charge_id: UUID) -> bool:
    """Whether the charge's order still awaits payment."""
    charge = Charge.objects.select_related("order__subscription").get(pk=charge_id)
    return payments.is_payable(order=charge.order)


def _check_identity(charge: Charge, intent: PaymentIntent) -> None:
    if intent.id != charge.payment_intent_id:
        raise IntentDiffers(f"Charge {charge.pk} has the intent {charge.payment_intent_id}, not {intent.id}.")
    if (intent.amount, intent.currency) != (charge.amount, "" if charge.saves_card else charge.currency):
        raise IntentDiffers(f"Intent {intent.id} has another amount than its charge {charge.pk}.")


def _succeed(charge: Charge, intent: PaymentIntent, *, at: dt.datetime) -> None:
    charge.status = Charge.Status.SUCCEEDED
    charge.succeeded_at = at
    charge.stripe_charge_id = intent.latest_charge_id
    charge.save(update_fields=["status", "succeeded_at", "stripe_charge_id", "updated_at"])
    paid = Decline(stripe_charge_id=intent.latest_charge_id)
    attempts.record_outcome(charge=charge, status=ChargeAttempt.Status.SUCCEEDED, decline=paid, at=at)
    if not payments.is_payable(order=charge.order):
        _refund(charge, at=at)
    elif charge.saves_card and not claim_card(subscription=charge.order.subscription, fingerprint=intent.fingerprint):
        _end_trial(charge, at=at)
    elif not _mark_order_paid(charge, intent, at=at):
        _refund(charge, at=at)


def _mark_order_paid(charge: Charge, intent: PaymentIntent, *, at: dt.datetime) -> bool:
    """Returns False if the order was to pay a change that a concurrent transaction has closed."""
    order = charge.order
    ending.recover(order=order, at=at)  # lock the dunning run before the subscription; see locks.py
    if not payments.mark_paid(order=order, at=at):
        return False
    replaced = charge.payment_method != order.payment_method
    if replaced and intent_history.was_paid_with_own_payment_method(charge=charge, intent=intent):
        subscriptions.set_payment_method(
            subscription=order.subscription, payment_method=charge.payment_method, actor=ACTOR, at=at
        )
    return True


def _end_trial(charge: Charge, *, at: dt.datetime) -> None:
    """The card began a trial with another subscription before: end this one before it costs anything."""
    logger.info("The card of charge %s had a trial before, so its subscription ends.", charge.pk)
    order = charge.order
    ending.stop(order_id=order.pk, reason=subscriptions.TRIAL_USED, at=at)
    subscriptions.cancel(subscription=order.subscription, reason=subscriptions.TRIAL_USED, actor=ACTOR, at=at)
    cancellation.cancel_unpaid(order=order, at=at)
    publish(TrialRefused(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))


def _refund(charge: Charge, *, at: dt.datetime) -> None:
    """The customer paid a moment after the order was canceled: refund all of it. A saved card cost nothing."""
    if not charge.saves_card:
        logger.error("Charge %s was captured for an order that is %s.", charge.pk, charge.order.status)
    # Lock the dunning run before the subscription; see locks.py.
    ending.stop(order_id=charge.order_id, reason="order_not_payable", at=at)
    cancellation.cancel_unpaid(order=charge.order, at=at)
    refund_requests.refund_for_canceled_order(charge=charge)


def _process(charge: Charge, *, at: dt.datetime) -> None:
    if charge.status not in (Charge.Status.PROCESSING, Charge.Status.CANCELED):
        _set_status(charge, Charge.Status.PROCESSING)
        attempts.record_outcome(charge=charge, status=ChargeAttempt.Status.PROCESSING, decline=Decline(), at=at)


def _settle_last_error(charge: Charge, intent: PaymentIntent, *, at: dt.datetime) -> None:
    decline = intent.decline
    if decline is not None and intent_history.is_new_decline(charge=charge, intent=intent, decline=decline):
        _decline(charge, decline, at=at)


def _decline(charge: Charge, decline: Decline, *, at: dt.datetime) -> None:
    if decline.needs_authentication:
        _require_action(charge, decline, at=at)
    else:
        _fail(charge, Charge.Status.FAILED, ChargeAttempt.Status.DECLINED, decline, at=at)


def _require_action(charge: Charge, decline: Decline, *, at: dt.datetime) -> None:
    if charge.status not in (Charge.Status.PENDING, Charge.Status.PROCESSING):
        return
    _set_status(charge, Charge.Status.REQUIRES_ACTION)
    attempt = attempts.record_outcome(
        charge=charge, status=ChargeAttempt.Status.REQUIRES_ACTION, decline=decline, at=at
    )
    if payments.mark_requires_action(order=charge.order) and payments.is_payable(order=charge.order):
        _publish(PaymentActionRequired, charge, attempt)
        if charge.order.kind != Order.Kind.CHANGE:
            runs.payment_failed(charge=charge, at=at)


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
    closed = attempts.record_outcome(charge=charge, status=attempt_status, decline=decline or Decline(), at=at)
    if charge.order.kind == Order.Kind.CHANGE:
        # A declined change is dropped: no dunning, and the subscription goes on as it was.
        cancellation.cancel_unpaid(order=charge.order, at=at)
        return
    order_changed = payments.mark_payment_failed(order=charge.order)
    if not payments.is_payable(order=charge.order):
        return
    if payments.is_reinstatement(order=charge.order):
        # The customer waits for it and can try again with another card, so there is no dunning.
        runs.give_up(charge=charge, at=at)
        return
    if order_changed or closed:
        _publish(PaymentFailed, charge, closed)
    if status == Charge.Status.CANCELED:
        runs.give_up(charge=charge, at=at)
    else:
        runs.payment_failed(charge=charge, at=at)


def _fail_by_our_fault(charge: Charge, decline: Decline, *, at: dt.datetime) -> None:
    logger.error("Stripe rejected our request for charge %s (%s).", charge.pk, decline.code or "no code")
    _set_status(charge, Charge.Status.FAILED)
    closed = attempts.record_outcome(charge=charge, status=ChargeAttempt.Status.REJECTED, decline=decline, at=at)
    if closed is not None and closed.trigger == ChargeAttempt.Trigger.NEW_PAYMENT_METHOD:
        # The order failed before this attempt, too. The customer may give another payment method meanwhile.
        payments.mark_payment_failed(order=charge.order)
    runs.rejected_by_our_fault(charge=charge, at=at)


def _publish(
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
