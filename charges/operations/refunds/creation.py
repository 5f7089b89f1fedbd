"""Making a refund at Stripe, once.

A payment can be refunded in parts, so unlike a second confirmation of an intent a second refund would succeed. What
keeps it to one: the row is committed before Stripe hears of it and names the key; whoever comes again lists the
payment's refunds first, each of which carries its row's id; a key is given up only after such a look (see
``remote_objects``).
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

# What a payment's state forbids (docs.stripe.com/error-codes): an outcome, which staff read on the refund. Anything
# else that Stripe will not take is a mistake of ours.
REFUSED_BY_STATE = frozenset(
    {
        "balance_insufficient",
        "charge_already_refunded",
        "charge_disputed",
        "charge_not_refundable",
        "refund_disputed_payment",
    }
)
# Less is left than was asked for: somebody refunded a part at Stripe. It comes without a code.
MORE_THAN_IS_LEFT = "amount_too_large"


class UnreadableRefund(PermanentError):
    """Stripe does not show us the refunds of our payment, one of which may be this. Is this the key of another
    account?"""


def make_refund(*, refund_id: UUID, at: dt.datetime) -> None:
    """Have a requested refund made, or read what became of it. A refusal by the payment's state is an outcome.

    A refund that failed stays so: its money may be part of another one by now. Staff ask for a new one.

    Raises ``RefundNotFound``, ``UnreadableRefund``, ``InvalidRequest`` (permanent; our fault, recorded first), what
    settlement raises, and for the ladder what the gateway does, and ``Busy``.
    """
    refund = Refund.objects.select_related("charge").filter(pk=refund_id).first()
    if refund is None:
        raise RefundNotFound(f"There is no refund {refund_id}.")
    with session_lock(locks.charge_lock(refund.charge_id)):
        refund.refresh_from_db()
        if refund.status != Refund.Status.PENDING:
            logger.info("Refund %s is %s; nothing is asked of Stripe.", refund.pk, refund.status)
            return
        try:
            stripe_refund = _get_or_create(refund, at=at)
        except InvalidRequest as error:
            _refused(refund, error, at=at)
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


def _refused(refund: Refund, error: InvalidRequest, *, at: dt.datetime) -> None:
    code = error.code or (MORE_THAN_IS_LEFT if error.param == "amount" else "")
    by_state = code in REFUSED_BY_STATE or code == MORE_THAN_IS_LEFT
    # Were ours among what has been refunded, the refusal would say that it is done already.
    found = _find(refund) if by_state else None
    if found is not None:
        remote_objects.save_id(refund, found.id)
        refund_settlement.settle_refund(refund_id=refund.pk, stripe=found, at=at)
        return
    code = code or f"refused:{error.param or 'no code'}"
    refund_settlement.settle_rejected_refund(refund_id=refund.pk, code=code, at=at)
    if not by_state:
        raise error


def _find(refund: Refund) -> results.Refund | None:
    """The refund at Stripe that carries our row's id. There should be one; the oldest counts."""
    listed = refunds.of_intent(payment_intent_id=str(refund.charge.payment_intent_id))
    try:
        ours = [one for one in listed if one.metadata.get("refund") == str(refund.pk)]
    except InvalidRequest as error:
        # Not a refusal of the refund: it may have been made, where this key of ours cannot see.
        raise UnreadableRefund(f"The refunds of charge {refund.charge_id} cannot be read: {error}") from error
    if len(ours) > 1:
        logger.error("Refund %s was made %d times at Stripe.", refund.pk, len(ours))
    return ours[-1] if ours else None


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
