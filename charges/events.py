from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from integrations.outbox.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(Event):
    """The payment was declined; nothing was charged, and the order waits for another payment method.

    Not published if Stripe rejected our request because of our own mistake.
    """

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""
    attempt_number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentActionRequired(Event):
    """The bank requires the customer to authenticate the payment. This is not a decline."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""
    attempt_number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRefused(Event):
    """The card of a trial was used for a trial before. Nothing was charged; the order and subscription are canceled."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDue(Event):
    """Capture the payment now, or find out its outcome.

    Published for a dunning step, a new payment method, or a payment that has had no outcome for too long.
    """

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReturned(Event):
    """A customer returned from the payment page. Stripe knows the outcome."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLinkRequested(Event):
    """A customer's payment link has expired, and the customer requests another. ``request`` identifies the request."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningStepPlanned(Event):
    """A step of an order's dunning is planned. The message is delivered when the step is due."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""
    step_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReminderDue(Event):
    """A dunning step is due at which only the customer can help: with another payment method, or by authenticating."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""
    step_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningExhausted(Event):
    """The last step of the schedule failed, and the plan's policy for unpaid orders was applied."""

    subject_field: ClassVar[str] = "order_id"
    group_field: ClassVar[str] = "customer_id"

    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequested(Event):
    """A refund is saved and waits to be created at Stripe."""

    subject_field: ClassVar[str] = "refund_id"
    group_field: ClassVar[str] = "customer_id"

    refund_id: UUID
    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSucceeded(Event):
    """Stripe made the refund. The money is on its way to the customer."""

    subject_field: ClassVar[str] = "refund_id"
    group_field: ClassVar[str] = "customer_id"

    refund_id: UUID
    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFailed(Event):
    """The bank returned a refund that had succeeded. The customer has not got the money."""

    subject_field: ClassVar[str] = "refund_id"
    group_field: ClassVar[str] = "customer_id"

    refund_id: UUID
    order_id: UUID
    customer_id: UUID
    order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeWebhookReceived(Event):
    """An event from Stripe is stored in the inbox and waits to be processed."""

    subject_field: ClassVar[str] = "webhook_event_id"

    webhook_event_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationContinues(Event):
    """A nightly reconciliation has more to compare than fits into one task. Slice number ``step`` is next."""

    subject_field: ClassVar[str] = "run_id"

    run_id: UUID
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethodAdded(Event):
    """A logged-in customer added a payment method. It has to be attached to the customer at Stripe."""

    subject_field: ClassVar[str] = "saved_payment_method_id"
    group_field: ClassVar[str] = "customer_id"

    saved_payment_method_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethodRemoved(Event):
    """A customer removed a payment method. It has to be detached at Stripe."""

    subject_field: ClassVar[str] = "saved_payment_method_id"
    group_field: ClassVar[str] = "customer_id"

    saved_payment_method_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CardExpires(Event):
    """A card expires soon with which a subscription renews. The customer must be warned."""

    subject_field: ClassVar[str] = "warning_id"
    group_field: ClassVar[str] = "customer_id"

    warning_id: UUID
    customer_id: UUID
