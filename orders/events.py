from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from integrations.outbox.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(Event):
    """An order stands and waits for its payment."""

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid(Event):
    """An order's payment is captured and settled."""

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfilmentDue(Event):
    """An order was paid and should be on its way by now; everybody else has heard of the payment before."""

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCanceled(Event):
    """An order that was not paid is called off; nothing may be charged for it any more."""

    order_id: UUID
    customer_id: UUID
    order_number: str = ""
