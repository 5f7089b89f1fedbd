from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from integrations.outbox.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRegistered(Event):
    """Somebody bought for the first time."""

    subject_field: ClassVar[str] = "customer_id"

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerUpdated(Event):
    """What we know of a customer changed; whoever keeps a copy takes the new state."""

    subject_field: ClassVar[str] = "customer_id"

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionCanceled(Event):
    """A subscription has ended; what of it is unpaid is not wanted any more."""

    subject_field: ClassVar[str] = "subscription_id"

    subscription_id: UUID
    customer_id: UUID
