from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from integrations.outbox.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(Event):
    """An order was placed and awaits payment."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalPlaced(Event):
    """The shop placed the order of a later period, which awaits payment. The customer gets no order confirmation."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePlaced(Event):
    """The order of a change of plan or quantity was placed and awaits payment. The change applies when it is paid."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeExpires(Event):
    """The time in which a change of plan or quantity must be paid is over. Delivered at that time."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid(Event):
    """An order was paid."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentDue(Event):
    """A paid order's fulfillment should have started by now. Published instead of a second ``OrderPaid``, whose other
    consumers have done their work."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCanceled(Event):
    """An unpaid order was canceled. Its payment must be canceled too."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""
