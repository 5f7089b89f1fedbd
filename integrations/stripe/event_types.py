"""The types of Stripe's events that we deal with: what a webhook endpoint is to be subscribed to."""

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
HANDLED_EVENTS = INTENT_EVENTS
