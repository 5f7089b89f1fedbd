"""Create a refund at Stripe, once.

A payment can be refunded in parts, so Stripe would accept a second refund for the same row. Three rules prevent it:

- The row is committed before the request, and names the idempotency key.
- A worker that runs again first lists the payment's refunds. The metadata of each names its row.
- The key changes only after such a look; see ``remote_objects``.
"""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from charges.models import Refund
from charges.operations import locks, remote_objects
from charges.operations.refunds import settlement as refund_settlement
from charges.queries import RefundNotFound
from integrations.errors import PermanentError
from integrations.locks import session_lock
from integrations.stripe import refunds, results
from integrations.stripe.errors import InvalidRequest

logger = logging.getLogger(__name__)

# The state of the payment forbids the refund (docs.stripe.com/error-codes). This is an outcome, which staff read on the
# refund. Every other rejection is our mistake.
REJECTED_BY_STATE = frozenset(
    {
        "balance_insufficient",
        "charge_already_refunded",
        "charge_disputed",
        "charge_not_refundable",
        "refund_disputed_payment",
    }
)
# The amount is larger than the remaining one, because staff refunded a part at Stripe. Stripe sends no code for this.
AMOUNT_TOO_LARGE = "amount_too_large"


class UnreadableRefund(PermanentError):
    """Stripe does not show the refunds of our payment. Does the secret key belong to another account?"""


def make_refund(*, refund_id: UUID, at: dt.datetime) -> None:
    """Create a requested refund at Stripe, or read its outcome. A rejection by the payment's state is an outcome.

    A failed refund stays failed, because its money may be part of another refund by now. Staff request a new one.

    Raises ``RefundNotFound``, ``UnreadableRefund``, ``InvalidRequest`` (permanent; our fault, recorded first), what
    settlement raises, and for the ladder what the gateway does, and ``Busy``.
    """
    refund = Refund.objects.select_related("charge").filter(pk=refund_id).first()
    if refund is None:
        raise RefundNotFound(f"There is no refund {refund_id}.")
    with session_lock(locks.charge_lock(refund.charge_id)):
        refund.refresh_from_db()
        if refund.status != Refund.Status.PENDING:
            logger.info("Refund %s is %s; nothing is sent to Stripe.", refund.pk, refund.status)
            return
        try:
            stripe_refund = _get_or_create(refund, at=at)
        except InvalidRequest as error:
            _settle_rejection(refund, error, at=at)
            return
        refund_settlement.settle_refund(refund_id=refund.pk, stripe=stripe_refund, at=at)


def _get_or_create(refund: Refund, *, at: dt.datetime) -> results.Refund:
    """The refund at Stripe as Stripe last returned it. Raises ``InvalidRequest``."""

    def create(key: str) -> results.Refund:
        return refunds.create(
            payment_intent_id=str(refund.charge.payment_intent_id),
            amount=refund.amount,
            reason=_reason(refund),
            metadata={"refund": str(refund.pk), "charge": str(refund.charge_id)},
            idempotency_key=key,
        )

    result = remote_objects.get_or_create(refund, find=lambda: _find(refund), create=create, at=at)
    return result.object or _read(refund, result.id)


def _settle_rejection(refund: Refund, error: InvalidRequest, *, at: dt.datetime) -> None:
    code = error.code or (AMOUNT_TOO_LARGE if error.param == "amount" else "")
    by_state = code in REJECTED_BY_STATE or code == AMOUNT_TOO_LARGE
    # Stripe may reject the request because this refund exists already.
    found = _find(refund) if by_state else None
    if found is not None:
        remote_objects.save_id(refund, found.id)
        refund_settlement.settle_refund(refund_id=refund.pk, stripe=found, at=at)
        return
    code = code or f"rejected:{error.param or 'no code'}"
    refund_settlement.settle_rejected_refund(refund_id=refund.pk, code=code, at=at)
    if not by_state:
        raise error


def _find(refund: Refund) -> results.Refund | None:
    """The refund at Stripe whose metadata names our row. If there are several, the oldest counts."""
    listed = refunds.of_intent(payment_intent_id=str(refund.charge.payment_intent_id))
    try:
        found = [item for item in listed if item.metadata.get("refund") == str(refund.pk)]
    except InvalidRequest as error:
        # Not an outcome of the refund: it may exist in an account that our key cannot read.
        raise UnreadableRefund(f"The refunds of charge {refund.charge_id} cannot be read: {error}") from error
    if len(found) > 1:
        logger.error("Refund %s was created %d times at Stripe.", refund.pk, len(found))
    return found[-1] if found else None


def _read(refund: Refund, stripe_id: str) -> results.Refund:
    try:
        return refunds.retrieve(refund_id=stripe_id)
    except InvalidRequest as error:
        raise UnreadableRefund(f"Stripe's {stripe_id} of refund {refund.pk} cannot be read: {error}") from error


def _reason(refund: Refund) -> refunds.Reason | None:
    match refund.reason:
        case "duplicate" | "fraudulent" | "requested_by_customer" as reason:
            return reason
    return None
