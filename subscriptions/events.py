from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from integrations.outbox.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRegistered(Event):
    """Somebody bought for the first time."""

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerUpdated(Event):
    """What we know of a customer changed; whoever keeps a copy takes the new state."""

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionCanceled(Event):
    """A subscription has ended; what of it is unpaid is not wanted any more."""

    subscription_id: UUID
    customer_id: UUID
