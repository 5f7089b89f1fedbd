"""Advice on the next step of a dispute, for staff."""

from __future__ import annotations

import datetime as dt

from charges.models import Dispute
from subscriptions.models import Subscription

Status = Subscription.Status

AFTER_LOSS = {
    Status.PAUSED: "The subscription is paused: decide whether to cancel it.",
    Status.CANCELED: "The subscription is canceled.",
}
AFTER_WIN = {
    Status.PAUSED: "The subscription is still paused: look for another dispute or an unpaid order.",
    Status.CANCELED: "The subscription stays canceled. The customer may place a new order.",
}


def next_step(*, dispute: Dispute) -> str:
    """By the dispute's status at Stripe and its subscription's (docs.stripe.com/disputes/how-disputes-work)."""
    subscription = Status(dispute.charge.order.subscription.status)
    match dispute.status:
        case "warning_needs_response":
            return f"Answer the bank's inquiry in the Stripe dashboard{_deadline(dispute)}. No money is withdrawn yet."
        case "needs_response" | "appeal_needs_response":
            return f"Submit evidence in the Stripe dashboard{_deadline(dispute)}."
        case "under_review" | "warning_under_review" | "appeal_under_review":
            return "Wait for the bank's decision."
        case "warning_closed":
            return "Nothing to do: the bank has closed its inquiry."
        case "won":
            return f"Won. {AFTER_WIN.get(subscription, 'Nothing to do.')}"
        case "lost":
            return f"Lost: the amount and the fee are not paid back. {_after_loss(subscription)}"
        case "prevented":
            return f"The payment was refunded before the dispute was opened. {_after_loss(subscription)}"
        case _:
            return "This status is unknown to the shop. Look at the dispute in the Stripe dashboard."


def _after_loss(subscription: Status) -> str:
    return AFTER_LOSS.get(subscription, "The subscription continues: decide whether to cancel it.")


def _deadline(dispute: Dispute) -> str:
    return f" by {dispute.due_by.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC" if dispute.due_by else ""
