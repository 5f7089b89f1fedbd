"""Which attempt a PaymentIntent's state belongs to.

An intent shows its current payment method and its last error. Either may be older than our open attempt, or come from
the customer's browser. These functions only read.
"""

from __future__ import annotations

from charges.models import Charge, ChargeAttempt, SavedPaymentMethod
from charges.operations import attempts
from integrations.stripe.results import Decline, PaymentIntent


def is_new_decline(*, charge: Charge, intent: PaymentIntent, decline: Decline) -> bool:
    """Whether the intent's last error answers the open attempt, and not an earlier one.

    - An attempt that was never confirmed has no answer yet: the customer tried in a browser.
    - Each decline by a bank creates a charge at Stripe, so its id distinguishes two equal declines.
    - A decline without such an id cannot be distinguished from an equal earlier one. Then the attempt stays open, and
      confirming again under its key returns the answer.
    - If the attempt was answered and waits for the customer or the bank, compare with this attempt only: its key
      repeats the same answer.
    """
    if charge.status in (Charge.Status.FAILED, Charge.Status.CANCELED):
        return False
    if is_about_replaced_payment_method(charge=charge, payment_method_id=intent.declined_payment_method_id):
        return False
    if _awaits_confirmation(charge):
        return False
    if decline.stripe_charge_id:
        return not charge.attempts.filter(stripe_charge_id=decline.stripe_charge_id).exists()
    equal = charge.attempts.filter(code=decline.code, decline_code=decline.decline_code)
    if charge.status != Charge.Status.PENDING:
        equal = equal.filter(status__in=ChargeAttempt.OPEN)
    return not equal.exists()


def is_about_replaced_payment_method(*, charge: Charge, payment_method_id: str) -> bool:
    """Whether the open attempt uses a newer payment method than this one. If so, ignore what the intent shows."""
    attempt = attempts.open_attempt(charge=charge)
    if charge.status != Charge.Status.PENDING or attempt is None or not payment_method_id:
        return False
    return not _is_saved_as(charge, attempt.payment_method, stripe_id=payment_method_id)


def was_paid_with_own_payment_method(*, charge: Charge, intent: PaymentIntent) -> bool:
    """Whether the charge's payment method paid, and not another that the customer used earlier or in a browser."""
    return _is_saved_as(charge, charge.payment_method, stripe_id=intent.payment_method_id)


def _is_saved_as(charge: Charge, payment_method: str, *, stripe_id: str) -> bool:
    saved = SavedPaymentMethod.objects.filter(customer=charge.order.customer_id, payment_method_id=payment_method)
    return saved.filter(stripe_id=stripe_id).exists()


def _awaits_confirmation(charge: Charge) -> bool:
    attempt = attempts.open_attempt(charge=charge)
    return charge.status == Charge.Status.PENDING and attempt is not None and attempt.confirmed_at is None
