"""The types of Stripe events that this project handles. Subscribe the webhook endpoint to these."""

from __future__ import annotations

INTENT_EVENTS = frozenset(
    {
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.canceled",
    }
)
# A saved card of a trial. The setup intents of browsers are ignored.
SETUP_EVENTS = frozenset(
    {
        "setup_intent.succeeded",
        "setup_intent.setup_failed",
        "setup_intent.requires_action",
        "setup_intent.canceled",
    }
)
# Not charge.refunded: it contains no refund. Since 2024-10-28.acacia each refund has its own events.
REFUND_EVENTS = frozenset({"refund.created", "refund.updated", "refund.failed"})
DISPUTE_EVENTS = frozenset(
    {
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    }
)
# The card network replaced a card: the payment method keeps its id and gets another expiry, often another number.
PAYMENT_METHOD_EVENTS = frozenset({"payment_method.automatically_updated", "payment_method.updated"})
HANDLED_EVENTS = INTENT_EVENTS | SETUP_EVENTS | REFUND_EVENTS | DISPUTE_EVENTS | PAYMENT_METHOD_EVENTS
