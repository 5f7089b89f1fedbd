"""Find the work of this app that is stuck. ``integrations.outbox.recovery`` publishes it again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, QuerySet, TextField, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from charges.events import DunningStepPlanned, PaymentDue, RefundRequested, StripeWebhookReceived
from charges.models import Charge, ChargeAttempt, DunningRun, DunningStep, Refund
from charges.operations.recovery.unknown_outcomes import CHECKED_AFTER
from integrations.inbox.models import WebhookEvent
from integrations.inbox.recovery import stuck_events
from integrations.outbox.events import Event
from integrations.outbox.queries import live_messages
from integrations.outbox.recovery import Finder, Window
from orders.events import FulfillmentDue, OrderCanceled
from orders.models import Order
from subscriptions.models import Subscription

# The tasks that do the work. Every message to one of them counts, for every event that may cause it.
CAPTURE, CANCEL, WEBHOOK = "charges.capture_payment", "charges.cancel_payment", "charges.process_webhook"
REFUND, DUNNING = "charges.refund_payment", "charges.take_dunning_step"
FULFILL = "orders.start_fulfillment"

STEP_IS_LATE_AFTER = dt.timedelta(hours=1)


def unpaid_orders(window: Window) -> Sequence[Event]:
    """Unpaid orders without a failed charge. Dunning follows failed charges; if Stripe rejected our request, a person
    does."""
    orders = (
        Order.objects.filter(
            ~Exists(Charge.objects.filter(order=OuterRef("pk")).exclude(status=Charge.Status.PENDING)),
            ~Exists(live_messages(task=CAPTURE, about="pk", sent_since=window.stuck)),
            status=Order.Status.PENDING_PAYMENT,
            placed_at__range=(window.given_up, window.stuck),
        )
        .exclude(subscription__status__in=(Subscription.Status.CANCELED, Subscription.Status.PAUSED))
        .order_by("placed_at")
        .values_list("pk", "customer_id", "number")
    )
    return [_payment_due(*order) for order in orders[: window.batch]]


def open_attempts(window: Window) -> Sequence[Event]:
    """Open attempts. Their orders may be in any state: dunning retries failed orders, and an order may be canceled."""
    attempts = (
        ChargeAttempt.objects.filter(
            ~Exists(live_messages(task=CAPTURE, about="charge__order", sent_since=window.stuck)),
            status__in=(ChargeAttempt.Status.STARTED, ChargeAttempt.Status.UNKNOWN),
            charge__status=Charge.Status.PENDING,
            started_at__range=(window.given_up, window.stuck),
        )
        .order_by("started_at")
        .values_list("charge__order", "charge__order__customer", "charge__order__number")
    )
    return [_payment_due(*attempt) for attempt in attempts[: window.batch]]


def canceled_orders(window: Window) -> Sequence[Event]:
    """Canceled orders whose intent is still open, so that the customer could still pay it."""
    orders = (
        Charge.objects.filter(
            ~Q(status__in=(Charge.Status.SUCCEEDED, Charge.Status.CANCELED)),
            ~Exists(live_messages(task=CANCEL, about="order_id", sent_since=window.stuck)),
            order__status=Order.Status.CANCELED,
            order__canceled_at__range=(window.given_up, window.stuck),
        )
        .order_by("order__canceled_at")
        .values_list("order_id", "order__customer_id", "order__number")
    )
    return [
        OrderCanceled(order_id=order_id, customer_id=customer_id, order_number=number)
        for order_id, customer_id, number in orders[: window.batch]
    ]


def fulfillments_not_started(window: Window) -> Sequence[Event]:
    """Paid orders without any refund whose fulfillment never began.

    They are here and not in ``orders`` because refunds matter: a customer wanted the money back, and the refund
    may have failed. A person decides whether the order is still owed; the ledger check reports such orders.
    """
    orders = (
        Order.objects.filter(
            ~Exists(Refund.objects.filter(charge__order=OuterRef("pk"))),
            ~Exists(live_messages(task=FULFILL, about="pk", sent_since=window.stuck)),
            status=Order.Status.PAID,
            fulfillment_started_at=None,
            paid_at__range=(window.given_up, window.stuck),
        )
        .order_by("paid_at")
        .values_list("pk", "customer_id", "number")
    )
    return [
        FulfillmentDue(order_id=order_id, customer_id=customer_id, order_number=number)
        for order_id, customer_id, number in orders[: window.batch]
    ]


def stripe_events(window: Window) -> Sequence[Event]:
    """Unprocessed events from Stripe, except events that a person has to look at."""
    return stuck_events(
        provider=WebhookEvent.Provider.STRIPE,
        task=WEBHOOK,
        event=lambda id: StripeWebhookReceived(webhook_event_id=id),
        window=window,
    )


def refunds_not_created(window: Window) -> Sequence[Event]:
    """Refunds that Stripe does not know yet."""
    refunds = Refund.objects.filter(
        ~Exists(live_messages(task=REFUND, about="pk", sent_since=window.stuck)),
        status=Refund.Status.PENDING,
        stripe_id=None,
        requested_at__range=(window.given_up, window.stuck),
    )
    return _refunds_requested(refunds.order_by("requested_at")[: window.batch])


def refunds_in_progress(window: Window) -> Sequence[Event]:
    """Refunds that Stripe has not finished: checked as often as unknown outcomes, unless one check is on its way."""
    last_due = Case(
        *(
            When(requested_at__lte=window.at - after, then=F("requested_at") + after)
            for after in reversed(CHECKED_AFTER)
        ),
        output_field=DateTimeField(),
    )
    refunds = Refund.objects.alias(last_due=last_due).filter(
        ~Exists(live_messages(task=REFUND, about="pk", sent_since=OuterRef("last_due"))),
        status=Refund.Status.PENDING,
        stripe_id__isnull=False,
        requested_at__range=(window.given_up, window.at - CHECKED_AFTER[0]),
    )
    return _refunds_requested(refunds.order_by("requested_at")[: window.batch])


def late_dunning_steps(window: Window) -> Sequence[Event]:
    """Planned steps of any age: a step that was not taken keeps the next one from being planned."""
    about_order = live_messages(task=DUNNING, about="run__order", sent_since=window.stuck)
    on_its_way = about_order.alias(step=KT("kwargs__step_number")).filter(step=Cast(OuterRef("number"), TextField()))
    steps = (
        DunningStep.objects.filter(
            ~Exists(on_its_way),
            status=DunningStep.Status.PLANNED,
            run__status=DunningRun.Status.ACTIVE,
            due_at__lte=window.at - STEP_IS_LATE_AFTER,
        )
        .order_by("due_at")
        .values_list("run__order", "run__order__customer", "run__order__number", "number")
    )
    return [
        DunningStepPlanned(order_id=order_id, customer_id=customer_id, order_number=order_number, step_number=number)
        for order_id, customer_id, order_number, number in steps[: window.batch]
    ]


def _payment_due(order_id: UUID, customer_id: UUID, order_number: str) -> PaymentDue:
    return PaymentDue(order_id=order_id, customer_id=customer_id, order_number=order_number)


def _refunds_requested(refunds: QuerySet[Refund]) -> list[Event]:
    found = refunds.values_list("pk", "charge__order", "charge__order__customer", "charge__order__number")
    return [
        RefundRequested(refund_id=refund_id, order_id=order_id, customer_id=customer_id, order_number=order_number)
        for refund_id, order_id, customer_id, order_number in found
    ]


# Orders before attempts: if both find a payment, the second finder sees the first one's message and skips the payment.
FINDERS: dict[str, Finder] = {
    "unpaid orders": unpaid_orders,
    "open attempts": open_attempts,
    "canceled orders": canceled_orders,
    "fulfillments not started": fulfillments_not_started,
    "Stripe events": stripe_events,
    "refunds not created": refunds_not_created,
    "refunds in progress": refunds_in_progress,
    "late dunning steps": late_dunning_steps,
}
