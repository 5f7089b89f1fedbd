from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from integrations.outbox.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(Event):
    """The card was declined; nothing was charged, and the order waits for another one. Not told of a request of ours
    that Stripe would not take through our own fault."""

    subject_field: ClassVar[str] = "order_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""
    attempt_number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentActionRequired(Event):
    """The bank wants the customer to authenticate the payment; it is not a decline."""

    subject_field: ClassVar[str] = "order_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""
    attempt_number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDue(Event):
    """A payment is to be taken or its outcome to be found out, now: a dunning step, a new card, or a payment of
    which nothing was heard for too long."""

    subject_field: ClassVar[str] = "order_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReturned(Event):
    """A customer came back from the payment page; Stripe knows what came of it."""

    subject_field: ClassVar[str] = "order_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLinkRequested(Event):
    """A customer's payment link had expired, and another is asked for. ``request`` tells one request from the next."""

    subject_field: ClassVar[str] = "order_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningStepPlanned(Event):
    """A step of an order's dunning is planned; published to arrive when it is due."""

    subject_field: ClassVar[str] = "order_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""
    step_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReminderDue(Event):
    """A dunning step came at which only the customer can help: with another card, or by authenticating."""

    subject_field: ClassVar[str] = "order_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""
    step_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningExhausted(Event):
    """The last step brought nothing, and the plan's policy for unpaid orders was applied."""

    subject_field: ClassVar[str] = "order_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequested(Event):
    """A refund stands in our books and waits to be made at Stripe."""

    subject_field: ClassVar[str] = "refund_id"

    refund_id: UUID
    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSucceeded(Event):
    """Money is on its way back to the customer's card."""

    subject_field: ClassVar[str] = "refund_id"

    refund_id: UUID
    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFailed(Event):
    """A refund that had been made came back from the bank, days later; the customer has not got the money."""

    subject_field: ClassVar[str] = "refund_id"

    refund_id: UUID
    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeWebhookReceived(Event):
    """Something that Stripe told us is stored in the inbox and waits to be dealt with."""

    subject_field: ClassVar[str] = "webhook_event_id"

    webhook_event_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationContinues(Event):
    """A nightly reconciliation has more to compare than one task has time for; slice number ``step`` is next."""

    subject_field: ClassVar[str] = "run_id"

    run_id: UUID
    step: int
