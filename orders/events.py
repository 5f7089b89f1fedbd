from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from integrations.outbox.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(Event):
    """An order stands and waits for its payment."""

    subject_field: ClassVar[str] = "order_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid(Event):
    """An order's payment is captured and settled."""

    subject_field: ClassVar[str] = "order_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfilmentDue(Event):
    """An order was paid and should be on its way by now; everybody else has heard of the payment before."""

    subject_field: ClassVar[str] = "order_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCanceled(Event):
    """An order that was not paid is called off; nothing may be charged for it any more."""

    subject_field: ClassVar[str] = "order_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""
