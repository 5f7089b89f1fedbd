from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from integrations.outbox.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRegistered(Event):
    """A customer was created by a first purchase."""

    subject_field: ClassVar[str] = "customer_id"

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerUpdated(Event):
    """A customer's data changed. Systems with a copy of it must read the new state."""

    subject_field: ClassVar[str] = "customer_id"

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionCanceled(Event):
    """A subscription ended. Its unpaid orders must be canceled."""

    subject_field: ClassVar[str] = "subscription_id"

    subscription_id: UUID
    customer_id: UUID
