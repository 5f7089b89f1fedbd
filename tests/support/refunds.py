"""The state of refunds here and at Stripe, as the tests of refunds compare it."""

from __future__ import annotations

from typing import Any

from tests.support.sandboxes import StripeSandbox


def refund_state(charge: Any) -> tuple[int, str, list[str]]:
    """The refunded amount of the charge, the order's status, and the statuses of its refunds, oldest first."""
    charge.refresh_from_db()
    charge.order.refresh_from_db()
    statuses = [refund.status for refund in charge.refunds.order_by("pk")]
    return charge.amount_refunded, charge.order.status, statuses


def refunds_at_stripe(sandbox: StripeSandbox) -> list[tuple[int, str]]:
    """Amount and status of every refund at Stripe, oldest first."""
    return [(refund["amount"], refund["status"]) for refund in reversed(sandbox.objects("refunds"))]


def refund_in_dashboard(sandbox: StripeSandbox, charge: Any, amount: int, **form: str) -> dict[str, Any]:
    """A refund that is made in Stripe's dashboard, not in the shop."""
    return sandbox.api("POST", "/v1/refunds", payment_intent=charge.payment_intent_id, amount=str(amount), **form)
