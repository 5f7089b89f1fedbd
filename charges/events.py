from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from integrations.outbox.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(Event):
    """The card was declined; nothing was charged, and the order waits for another one. Not told of a request of ours
    that Stripe would not take through our own fault."""

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentActionRequired(Event):
    """The bank wants the customer to authenticate the payment; it is not a decline."""

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeWebhookReceived(Event):
    """Something that Stripe told us is stored in the inbox and waits to be dealt with."""

    webhook_event_id: UUID
