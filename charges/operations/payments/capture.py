"""Capturing the payment of an order. See docs/adr/0005-one-intent-per-charge-confirmed-separately.md.

What makes it happen once, whoever dies or answers late:

1. The charge and its attempt are committed before Stripe hears of them, and every key comes from these rows.
2. The intent is created unconfirmed and its id committed before anybody confirms it. So money can move in one
   place only, and an intent can succeed once: however often it is confirmed, under whichever key, even days
   later.
3. Whoever resumes an attempt that another began reads the intent first, and believes it.
4. A session lock has duplicates wait for each other. It saves calls; the three above hold without it.
"""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from charges.models import Charge, ChargeAttempt
from charges.operations import attempts, dunning, locks
from charges.operations.payments import intents, settlement
from charges.operations.payments import payment_methods as cards
from charges.operations.remote_objects import KEY_LIFE
from integrations.errors import PermanentError, ProviderUnclear
from integrations.locks import session_lock
from integrations.stripe import payment_intents
from integrations.stripe.errors import CardDeclined, IdempotencyKeyExhausted, IntentStateChanged, InvalidRequest
from integrations.stripe.results import Decline, PaymentIntent

logger = logging.getLogger(__name__)

# A spent key costs one round: read the intent, take the next key. Two in a row are no bad luck any more.
ROUNDS = 2
UNUSABLE_CARD = Decline(code="invalid_account")


class UnreadableIntent(PermanentError):
    """Stripe does not know the intent that we have on record. Is this the key of another account?"""


def capture_payment(*, order_id: UUID, at: dt.datetime, task_id: str = "") -> None:
    """Take the payment of an order that awaits it, once. A decline is an outcome and returns.

    Raises ``OrderNotFound``, ``UnreadableIntent``, ``InvalidRequest`` (permanent; a refusal is recorded first). For the
    retry ladder: ``ProviderUnavailable``, ``ProviderThrottled``, ``ProviderUnclear`` from the gateway, ``Busy`` where
    another worker is at it and takes long, and ``CustomerWasDeleted``.
    """
    charge = attempts.open_charge(order_id=order_id)
    if charge is None:
        logger.info("Order %s does not await payment; nothing is charged.", order_id)
        return
    with session_lock(locks.charge_lock(charge.pk)):
        claim = attempts.claim(charge_id=charge.pk, task_id=task_id, at=at)
        if claim is None:
            logger.info("Charge %s needs no capture.", charge.pk)
            return
        _work_on(claim, at=at)


def _work_on(claim: attempts.Claim, *, at: dt.datetime) -> None:
    attempt = claim.attempt
    charge = Charge.objects.select_related("order__customer").get(pk=attempt.charge_id)
    try:
        _pay(charge, attempt, resumed=claim.resumed, at=at)
    except CardDeclined as error:
        settlement.settle_decline(charge_id=charge.pk, decline=error.decline, at=at)
    except InvalidRequest as error:
        if _lies_with_the_card(attempt, error):
            logger.error(
                "Charge %s: its card is unusable (%s). If this happens to all cards, the publishable key that they are "
                "made with belongs to another account than the secret one.",
                charge.pk,
                error.code or "no code",
            )
            settlement.settle_decline(charge_id=charge.pk, decline=UNUSABLE_CARD, at=at)
            return
        settlement.settle_refusal(charge_id=charge.pk, code=error.code, at=at)
        raise


def _lies_with_the_card(attempt: ChargeAttempt, error: InvalidRequest) -> bool:
    """Whether another card would mend it: this one is unknown, detached, somebody else's, or no card."""
    if isinstance(error, cards.UnusableCard) or error.param == "payment_method":
        return True
    # What Stripe does not explain lies with what is new.
    return attempt.trigger == ChargeAttempt.Trigger.NEW_CARD and not error.param


def _pay(charge: Charge, attempt: ChargeAttempt, *, resumed: bool, at: dt.datetime) -> None:
    if charge.asked_at is None and not settlement.is_wanted(charge_id=charge.pk, at=at):
        settlement.settle_called_off(charge_id=charge.pk, at=at)
        return
    # An id that is on record may have been confirmed by whoever put it there; one that is not never was.
    was_read = resumed and charge.payment_intent_id is not None
    # Before anything else is asked: whatever has become of the card since, it may have paid.
    if was_read and _decided(attempt, intent_id=str(charge.payment_intent_id), at=at):
        return
    customer = charge.order.customer
    stripe_customer_id, card_id = cards.ready_card(customer=customer, payment_method=attempt.payment_method, at=at)
    with cards.forgotten_if_deleted(customer=customer, stripe_customer_id=stripe_customer_id):
        intent_id = intents.ready_intent(charge=charge, stripe_customer_id=stripe_customer_id, card_id=card_id, at=at)
    _confirm(attempt, intent_id=intent_id, card_id=card_id, was_read=was_read, at=at)


def _confirm(attempt: ChargeAttempt, *, intent_id: str, card_id: str, was_read: bool, at: dt.datetime) -> None:
    """Confirm until the outcome is known, and settle it.

    The same attempt keeps its key, so that Stripe repeats its answer. A key is given up only when it can
    bring no answer (a replayed 500) or may have been forgotten (after 23 hours), and only after the intent
    was read and found to be waiting still. Were that reading wrong, the second confirmation would be refused:
    an intent succeeds once.
    """
    spent = False
    for _ in range(ROUNDS):
        if spent and _decided(attempt, intent_id=intent_id, at=at):
            return
        if settlement.put_off(charge_id=attempt.charge_id, at=at):
            return
        if spent or (was_read and at - attempt.started_at > KEY_LIFE):
            attempt = attempts.replace(attempt=attempt, at=at)
        if not settlement.is_wanted(charge_id=attempt.charge_id, at=at):
            _close_intent(attempt.charge_id, intent_id=intent_id, at=at)
            return
        attempts.note_confirmed(attempt=attempt, at=at)
        try:
            intent = payment_intents.confirm(
                payment_intent_id=intent_id,
                payment_method_id=card_id,
                idempotency_key=attempt.idempotency_key,
            )
        except (IdempotencyKeyExhausted, IntentStateChanged) as error:
            logger.warning("Attempt %s: %s", attempt.idempotency_key, error)
            spent = True
        except ProviderUnclear:
            attempts.note_unknown(attempt=attempt)
            raise
        else:
            if settlement.settle(charge_id=attempt.charge_id, intent=intent, at=at).status != Charge.Status.PENDING:
                return
            spent = True
    attempts.note_unknown(attempt=attempt)
    raise ProviderUnclear(f"Charge {attempt.charge_id} is undecided after {ROUNDS} confirmations.")


def _decided(attempt: ChargeAttempt, *, intent_id: str, at: dt.datetime) -> bool:
    intent = _intent(attempt.charge_id, intent_id=intent_id)
    return settlement.settle(charge_id=attempt.charge_id, intent=intent, at=at).status != Charge.Status.PENDING


def _intent(charge_id: UUID, *, intent_id: str) -> PaymentIntent:
    try:
        return payment_intents.retrieve(payment_intent_id=intent_id)
    except InvalidRequest as error:
        # Not a refusal of the payment: it may have been made, where this key of ours cannot see.
        raise UnreadableIntent(f"The intent {intent_id} of charge {charge_id} cannot be read: {error}") from error


def call_off_payment(*, order_id: UUID, at: dt.datetime) -> None:
    """The order was canceled: nobody may pay it any more, neither we nor the customer.

    What was paid all the same, a moment before, is settled, and settlement gives it back. Raises what
    ``capture_payment`` raises.
    """
    dunning.stop(order_id=order_id, reason="order_canceled", at=at)
    charge = Charge.objects.filter(order=order_id).first()
    if charge is None:
        return
    with session_lock(locks.charge_lock(charge.pk)):
        charge.refresh_from_db()
        if charge.status in (Charge.Status.SUCCEEDED, Charge.Status.CANCELED):
            return
        if charge.payment_intent_id is None:
            # One that was asked for and never seen is not confirmed, so it moves no money.
            settlement.settle_called_off(charge_id=charge.pk, at=at)
        else:
            _close_intent(charge.pk, intent_id=charge.payment_intent_id, at=at)


def _close_intent(charge_id: UUID, *, intent_id: str, at: dt.datetime) -> None:
    logger.info("Charge %s is called off: its order no longer awaits payment.", charge_id)
    try:
        intent = payment_intents.cancel(payment_intent_id=intent_id)
    except IntentStateChanged:
        intent = _intent(charge_id, intent_id=intent_id)
    settlement.settle(charge_id=charge_id, intent=intent, at=at)
