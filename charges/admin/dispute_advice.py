"""What staff do next about a dispute, in plain words."""

from __future__ import annotations

import datetime as dt

from charges.models import Dispute
from subscriptions.models import Subscription

Status = Subscription.Status

AFTER_A_LOSS = {
    Status.PAUSED: "the subscription is paused: decide whether it ends",
    Status.CANCELED: "the subscription has ended",
}
AFTER_A_WIN = {
    Status.PAUSED: "the subscription is still paused: look for another dispute, or an unpaid order",
    Status.CANCELED: "the subscription stays canceled; the customer may order anew",
}


def next_step(*, dispute: Dispute) -> str:
    """By Stripe's state of it and its subscription's (docs.stripe.com/disputes/how-disputes-work)."""
    subscription = Status(dispute.charge.order.subscription.status)
    match dispute.status:
        case "warning_needs_response":
            return f"Answer the bank's question at Stripe{_until(dispute)}; no money is taken yet."
        case "needs_response" | "appeal_needs_response":
            return f"Send evidence at Stripe{_until(dispute)}."
        case "under_review" | "warning_under_review" | "appeal_under_review":
            return "Wait: the bank decides."
        case "warning_closed":
            return "Nothing to do: it was only a question."
        case "won":
            return f"Won: {AFTER_A_WIN.get(subscription, 'nothing to do')}."
        case "lost":
            return f"Lost: the money and the fee are gone; {_after_a_loss(subscription)}."
        case "prevented":
            return f"Refunded before it became a dispute; {_after_a_loss(subscription)}."
        case _:
            return "New to us: look at it in Stripe's dashboard."


def _after_a_loss(subscription: Status) -> str:
    return AFTER_A_LOSS.get(subscription, "the subscription goes on: decide whether it should")


def _until(dispute: Dispute) -> str:
    return f" until {dispute.due_by.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC" if dispute.due_by else ""
