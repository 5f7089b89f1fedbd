"""Capture the payment of an order. See docs/adr/0005-one-intent-per-charge-confirmed-separately.md.

The money moves at most once, even if workers die, run twice or get no response:

1. The charge and its attempt are committed before the first request to Stripe. Each idempotency key comes from these
   rows.
2. The intent is created unconfirmed, and its id is committed before any worker confirms it. An intent can succeed only
   once, however often it is confirmed, under any key, even days later.
3. A worker that resumes an attempt of another worker reads the intent first, and settles what it shows.
4. A session lock makes duplicate messages wait for each other. It saves requests; the first three rules hold without
   it.
"""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from charges.models import Charge, ChargeAttempt
from charges.operations import attempts, locks
from charges.operations.payments import intents, payment_methods, settlement
from charges.operations.remote_objects import KEY_LIFE
from integrations.errors import PermanentError, ProviderUnclear
from integrations.locks import session_lock
from integrations.stripe.errors import CardDeclined, IdempotencyKeyExhausted, IntentStateChanged, InvalidRequest
from integrations.stripe.results import Decline, PaymentIntent

logger = logging.getLogger(__name__)

# An exhausted key costs one round: read the intent, take the next key. Two in a row need a person.
MAX_ROUNDS = 2
UNUSABLE_PAYMENT_METHOD = Decline(code="invalid_account")


class UnreadableIntent(PermanentError):
    """Stripe does not know the intent that we saved. Does the secret key belong to another account?"""


def capture_payment(*, order_id: UUID, at: dt.datetime, task_id: str = "") -> None:
    """Take the payment of an order that awaits it, or save the card of a trial. A decline is an outcome, not an error.

    Permanent errors: ``OrderNotFound``, ``UnreadableIntent``, and ``InvalidRequest``, which is recorded first. For the
    retries of the task: ``ProviderUnavailable``, ``ProviderThrottled`` and ``ProviderUnclear`` from the gateway,
    ``Busy`` if another worker holds the charge for long, and ``CustomerWasDeleted``.
    """
    charge = attempts.open_charge(order_id=order_id)
    if charge is None:
        logger.info("Order %s does not await payment; nothing is charged.", order_id)
        return
    with session_lock(locks.charge_lock(charge.pk)):
        claimed = attempts.claim(charge_id=charge.pk, task_id=task_id, at=at)
        if claimed is None:
            logger.info("Charge %s needs no capture.", charge.pk)
            return
        _work_on(claimed, at=at)


def _work_on(claimed: attempts.ClaimedAttempt, *, at: dt.datetime) -> None:
    attempt = claimed.attempt
    charge = Charge.objects.select_related("order__customer").get(pk=attempt.charge_id)
    try:
        _pay(charge, attempt, resumed=claimed.resumed, at=at)
    except CardDeclined as error:
        settlement.settle_decline(charge_id=charge.pk, decline=error.decline, at=at)
    except InvalidRequest as error:
        if not _is_caused_by_payment_method(attempt, error):
            settlement.settle_invalid_request(charge_id=charge.pk, code=error.code, at=at)
            raise
        logger.error(
            "The payment method of charge %s is unusable (%s). If this happens to every card, the publishable key that "
            "the cards are created with and the secret key belong to different accounts.",
            charge.pk,
            error.code or "no code",
        )
        settlement.settle_decline(charge_id=charge.pk, decline=UNUSABLE_PAYMENT_METHOD, at=at)


def _is_caused_by_payment_method(attempt: ChargeAttempt, error: InvalidRequest) -> bool:
    """Whether another payment method would help: this one is unknown, detached, or another customer's."""
    if isinstance(error, payment_methods.UnusablePaymentMethod) or error.param == "payment_method":
        return True
    # If Stripe names no parameter and the payment method is new, treat the payment method as the cause.
    return attempt.trigger == ChargeAttempt.Trigger.NEW_PAYMENT_METHOD and not error.param


def _pay(charge: Charge, attempt: ChargeAttempt, *, resumed: bool, at: dt.datetime) -> None:
    if charge.creation_requested_at is None:
        settlement.cancel_order_of_ended_subscription(charge_id=charge.pk, at=at)
        if not settlement.is_payable(charge_id=charge.pk):
            settlement.settle_canceled(charge_id=charge.pk, at=at)
            return
    # An earlier worker may already have confirmed a saved intent id. If no id is saved, the intent was never confirmed.
    was_read = resumed and charge.payment_intent_id is not None
    # Read the intent before using the payment method: the intent may have succeeded even if the card is unusable now.
    if was_read and _settle_from_intent(charge, intent_id=str(charge.payment_intent_id), at=at):
        return
    customer = charge.order.customer
    attached = payment_methods.ensure_payment_method(
        customer=customer, payment_method=attempt.payment_method, at=at
    )
    with payment_methods.forget_if_deleted(customer=customer, stripe_customer_id=attached.stripe_customer_id):
        intent_id = intents.ensure_intent(
            charge=charge,
            stripe_customer_id=attached.stripe_customer_id,
            payment_method_id=attached.payment_method_id,
            at=at,
        )
    _confirm(
        charge,
        attempt,
        intent_id=intent_id,
        payment_method_id=attached.payment_method_id,
        was_read=was_read,
        at=at,
    )


def _confirm(
    charge: Charge,
    attempt: ChargeAttempt,
    *,
    intent_id: str,
    payment_method_id: str,
    was_read: bool,
    at: dt.datetime,
) -> None:
    """Confirm the intent until its outcome is known, and settle the outcome.

    An attempt keeps its key, so that Stripe repeats its response. The key changes only if it is exhausted (a replayed
    500) or may be forgotten (after 23 hours), and only after the intent was read and still waits. If that reading is
    wrong, Stripe rejects the second confirmation: an intent succeeds once.
    """
    exhausted = False
    for _ in range(MAX_ROUNDS):
        if exhausted and _settle_from_intent(charge, intent_id=intent_id, at=at):
            return
        if settlement.postpone_if_paused(charge_id=attempt.charge_id, at=at):
            return
        if exhausted or (was_read and at - attempt.started_at > KEY_LIFE):
            attempt = attempts.replace(attempt=attempt, at=at)
        settlement.cancel_order_of_ended_subscription(charge_id=attempt.charge_id, at=at)
        if not settlement.is_payable(charge_id=attempt.charge_id):
            cancel_intent(charge=charge, intent_id=intent_id, at=at)
            return
        attempts.save_confirmation_time(attempt=attempt, at=at)
        try:
            intent = intents.api_of(charge).confirm(
                payment_intent_id=intent_id,
                payment_method_id=payment_method_id,
                idempotency_key=attempt.idempotency_key,
            )
        except (IdempotencyKeyExhausted, IntentStateChanged) as error:
            logger.warning("Attempt %s: %s", attempt.idempotency_key, error)
        except ProviderUnclear:
            attempts.mark_unknown(attempt=attempt)
            raise
        else:
            if settlement.settle(charge_id=attempt.charge_id, intent=intent, at=at).status != Charge.Status.PENDING:
                return
        exhausted = True
    attempts.mark_unknown(attempt=attempt)
    raise ProviderUnclear(f"Charge {attempt.charge_id} is undecided after {MAX_ROUNDS} confirmations.")


def _settle_from_intent(charge: Charge, *, intent_id: str, at: dt.datetime) -> bool:
    """Read the intent and settle it. Return whether that decided the charge."""
    intent = _read_intent(charge, intent_id=intent_id)
    return settlement.settle(charge_id=charge.pk, intent=intent, at=at).status != Charge.Status.PENDING


def _read_intent(charge: Charge, *, intent_id: str) -> PaymentIntent:
    try:
        return intents.api_of(charge).retrieve(payment_intent_id=intent_id)
    except InvalidRequest as error:
        # Not an outcome of the payment: it may have succeeded in an account that our key cannot read.
        raise UnreadableIntent(f"The intent {intent_id} of charge {charge.pk} cannot be read: {error}") from error


def cancel_intent(*, charge: Charge, intent_id: str, at: dt.datetime) -> None:
    """Cancel the intent at Stripe and settle what it shows then: it may have succeeded a moment before."""
    logger.info("The intent of charge %s is canceled: its order no longer awaits payment.", charge.pk)
    try:
        intent = intents.api_of(charge).cancel(payment_intent_id=intent_id)
    except IntentStateChanged:
        intent = _read_intent(charge, intent_id=intent_id)
    settlement.settle(charge_id=charge.pk, intent=intent, at=at)
