from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from integrations.outbox.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRegistered(Event):
    """A customer was created by a first purchase."""

    subject_field: ClassVar[str] = "customer_id"
    group_field: ClassVar[str] = "customer_id"

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerUpdated(Event):
    """A customer's data changed. Systems with a copy of it must read the new state."""

    subject_field: ClassVar[str] = "customer_id"
    group_field: ClassVar[str] = "customer_id"

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionCanceled(Event):
    """A subscription ended. Its unpaid orders must be canceled."""

    subject_field: ClassVar[str] = "subscription_id"
    group_field: ClassVar[str] = "customer_id"

    subscription_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRequested(Event):
    """Somebody asked for a login mail. Only the task that sends it checks whether the address has a login."""

    subject_field: ClassVar[str] = "login_request_id"

    login_request_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginCreated(Event):
    """A customer has a login now. It has no password yet."""

    subject_field: ClassVar[str] = "customer_id"
    group_field: ClassVar[str] = "customer_id"

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(Event):
    """A customer set a password, or replaced it."""

    subject_field: ClassVar[str] = "customer_id"
    group_field: ClassVar[str] = "customer_id"

    customer_id: UUID
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChangeRequested(Event):
    """A customer wants another address. The new one must be confirmed, and the old one must be warned."""

    subject_field: ClassVar[str] = "email_change_id"
    group_field: ClassVar[str] = "customer_id"

    email_change_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChanged(Event):
    """A customer confirmed another address, which replaced the old one."""

    subject_field: ClassVar[str] = "email_change_id"
    group_field: ClassVar[str] = "customer_id"

    email_change_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRenewalDue(Event):
    """A billing period of a subscription has begun. Its order must be placed."""

    subject_field: ClassVar[str] = "subscription_id"
    group_field: ClassVar[str] = "customer_id"

    subscription_id: UUID
    customer_id: UUID
    period_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderDue(Event):
    """A trial ends or a subscription renews soon, and the customer must be reminded."""

    subject_field: ClassVar[str] = "reminder_id"
    group_field: ClassVar[str] = "customer_id"

    reminder_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceMoveRequested(Event):
    """Staff move the running subscriptions of a plan to this price. Not all of them are moved yet."""

    subject_field: ClassVar[str] = "price_id"

    price_id: UUID
    staff_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChangePlanned(Event):
    """A subscription gets another price at a later boundary. A mail must announce it in time."""

    subject_field: ClassVar[str] = "pending_change_id"
    group_field: ClassVar[str] = "customer_id"

    pending_change_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationReceived(Event):
    """A customer canceled a subscription or withdrew from it, now or for later. The customer must get a receipt."""

    subject_field: ClassVar[str] = "change_id"
    group_field: ClassVar[str] = "customer_id"

    change_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRequested(Event):
    """The erasure of a customer's data was requested. The customer has no login and no address in the shop any more."""

    subject_field: ClassVar[str] = "erasure_id"
    group_field: ClassVar[str] = "customer_id"

    erasure_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureWaits(Event):
    """Money of the customer is open, so the erasure must be tried again later."""

    subject_field: ClassVar[str] = "erasure_id"
    group_field: ClassVar[str] = "customer_id"

    erasure_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureBegun(Event):
    """No money of the customer is open any more. Each app must erase its part, here and at its provider."""

    subject_field: ClassVar[str] = "erasure_id"
    group_field: ClassVar[str] = "customer_id"

    erasure_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChangeClosed(Event):
    """A change of plan that waited for its payment was closed without being applied. Its order must be canceled."""

    subject_field: ClassVar[str] = "pending_change_id"
    group_field: ClassVar[str] = "customer_id"

    pending_change_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChanged(Event):
    """A subscription has another plan, quantity or billing interval, as its customer wanted."""

    subject_field: ClassVar[str] = "pending_change_id"
    group_field: ClassVar[str] = "customer_id"

    pending_change_id: UUID
    customer_id: UUID
