"""Refunds to the card that paid an intent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from integrations.stripe.client import client, stripe_errors
from integrations.stripe.results import Refund, refund

if TYPE_CHECKING:
    from stripe.params import RefundCreateParams

PAGE = 100

Reason = Literal["duplicate", "fraudulent", "requested_by_customer"]


def create(
    *, payment_intent_id: str, amount: int, reason: Reason | None, metadata: dict[str, str], idempotency_key: str
) -> Refund:
    """Refund ``amount`` minor units of a payment. Status ``pending`` means that the bank has not finished.

    Raises ``InvalidRequest`` if the payment's state forbids it: ``charge_already_refunded``, ``charge_disputed``, or no
    code and the param ``amount`` if less is left (docs.stripe.com/refunds).
    """
    params: RefundCreateParams = {"payment_intent": payment_intent_id, "amount": amount, "metadata": metadata}
    if reason is not None:
        params["reason"] = reason
    with stripe_errors():
        return refund(client().v1.refunds.create(params=params, options={"idempotency_key": idempotency_key}))


def retrieve(*, refund_id: str) -> Refund:
    """Read the current state of a refund."""
    with stripe_errors():
        return refund(client().v1.refunds.retrieve(refund_id))


def of_intent(*, payment_intent_id: str) -> Iterator[Refund]:
    """All refunds of a payment, newest first, including those made in the dashboard. The list is up to date."""
    with stripe_errors():
        page = client().v1.refunds.list(params={"payment_intent": payment_intent_id, "limit": PAGE})
        yield from map(refund, page.auto_paging_iter())
