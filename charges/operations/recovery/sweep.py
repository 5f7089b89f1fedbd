"""Finding what got stuck, and sending it on its way again. See docs/adr/0009-what-gets-stuck-is-found-by-sweeps.md.

A message ends in a dead-letter queue when what it needs was away for longer than the ladder takes. Its row does not: it
still says that something is to be done. So the rows are asked, and whatever waits for longer than a message can live,
with no message about it on its way, gets a new one.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, QuerySet, TextField, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from charges.events import DunningStepPlanned, PaymentDue, RefundRequested, StripeWebhookReceived
from charges.models import Charge, ChargeAttempt, DunningRun, DunningStep, Refund
from charges.operations.recovery.unknown_outcomes import ASKED_AFTER
from integrations.inbox.models import WebhookEvent
from integrations.locks import session_lock
from integrations.outbox.events import Event, publish_all
from integrations.outbox.queries import live_messages
from integrations.sqs.current import topology
from integrations.sqs.topology import CHARGES, ORDERS
from orders.events import FulfilmentDue, OrderCanceled
from orders.models import Order
from subscriptions.models import Subscription

logger = logging.getLogger(__name__)

# The tasks that do the work; a message to one of them is on its way, whichever event it tells of.
CAPTURE, CALL_OFF, WEBHOOK = "charges.capture_payment", "charges.call_off_payment", "charges.process_webhook"
REFUND, DUNNING = "charges.refund_payment", "charges.take_dunning_step"
FULFIL = "orders.start_fulfilment"

MARGIN = dt.timedelta(minutes=5)  # for clocks that differ, and for the wait until a worker is free
GIVEN_UP_AFTER = dt.timedelta(days=3)  # then it is no outage any more, and a person has to look
STEP_IS_LATE_AFTER = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one sweep looks at: rows that wait since ``[given_up, stuck]``, at most ``batch`` of a kind."""

    at: dt.datetime
    batch: int

    @property
    def stuck(self) -> dt.datetime:
        """What was sent before this is not on its way any more."""
        longest = max(topology().longest_life_of(queue) for queue in (CHARGES, ORDERS))
        return self.at - dt.timedelta(seconds=longest) - MARGIN

    @property
    def given_up(self) -> dt.datetime:
        return self.at - GIVEN_UP_AFTER


def sweep(*, at: dt.datetime, batch: int = 500) -> dict[str, int]:
    """Publish anew what is stuck, at most ``batch`` of each kind, the oldest first; return how many of each.

    A second sweep right after it finds nothing. Raises ``Busy`` where another sweep takes long.
    """
    window = Window(at=at, batch=batch)
    # The second of two at once has to see what the first has published.
    with session_lock("charges.sweep"):
        found = {kind: _publish_again(look, window) for kind, look in KINDS.items()}
    for kind, count in found.items():
        if count:
            logger.warning("%d %s were stuck and are sent again%s.", count, kind, _more(count, batch))
    return found


@transaction.atomic(durable=True)
def _publish_again(look: Callable[[Window], Sequence[Event]], window: Window) -> int:
    events = look(window)
    publish_all(events)
    return len(events)


def _more(count: int, batch: int) -> str:
    return "; there may be more" if count == batch else ""


def _unpaid_orders(window: Window) -> list[Event]:
    """Not those whose charge failed: that is dunning's, or, where Stripe refused our request, a person's."""
    orders = (
        Order.objects.filter(
            Q(charge=None) | Q(charge__status=Charge.Status.PENDING),
            ~Exists(live_messages(task=CAPTURE, about="pk", sent_since=window.stuck)),
            status=Order.Status.PENDING_PAYMENT,
            placed_at__range=(window.given_up, window.stuck),
        )
        .exclude(subscription__status__in=(Subscription.Status.CANCELED, Subscription.Status.PAUSED))
        .order_by("placed_at")
        .values_list("pk", "customer_id", "number")
    )
    return [_payment_due(*order) for order in orders[: window.batch]]


def _open_attempts(window: Window) -> list[Event]:
    """Of orders in any state: a try at an order that failed before, and one whose order was canceled meanwhile."""
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


def _orders_called_off(window: Window) -> list[Event]:
    """Canceled orders that somebody could pay still, by an intent that was not closed."""
    orders = (
        Order.objects.filter(
            ~Q(charge__status__in=(Charge.Status.SUCCEEDED, Charge.Status.CANCELED)),
            ~Exists(live_messages(task=CALL_OFF, about="pk", sent_since=window.stuck)),
            charge__isnull=False,
            status=Order.Status.CANCELED,
            canceled_at__range=(window.given_up, window.stuck),
        )
        .order_by("canceled_at")
        .values_list("pk", "customer_id", "number")
    )
    return [
        OrderCanceled(order_id=order_id, customer_id=customer_id, order_number=number)
        for order_id, customer_id, number in orders[: window.batch]
    ]


def _fulfilments_not_started(window: Window) -> list[Event]:
    """Not where there is a refund of any kind: somebody wanted the money to go back, and it may have failed to. Whether
    the rest, or all of it, is owed still is a person's to say; the ledger's proof shows it to one."""
    orders = (
        Order.objects.filter(
            ~Exists(Refund.objects.filter(charge__order=OuterRef("pk"))),
            ~Exists(live_messages(task=FULFIL, about="pk", sent_since=window.stuck)),
            status=Order.Status.PAID,
            fulfilment_started_at=None,
            paid_at__range=(window.given_up, window.stuck),
        )
        .order_by("paid_at")
        .values_list("pk", "customer_id", "number")
    )
    return [
        FulfilmentDue(order_id=order_id, customer_id=customer_id, order_number=number)
        for order_id, customer_id, number in orders[: window.batch]
    ]


def _webhook_events(window: Window) -> list[Event]:
    """Stripe's, but for those that a person has to look at. What Brevo tells is not ours to deal with."""
    waiting = (
        WebhookEvent.objects.filter(
            ~Exists(live_messages(task=WEBHOOK, about="pk", sent_since=window.stuck)),
            provider=WebhookEvent.Provider.STRIPE,
            processed_at=None,
            outcome="",
            received_at__range=(window.given_up, window.stuck),
        )
        .order_by("received_at")
        .values_list("pk", flat=True)
    )
    return [StripeWebhookReceived(webhook_event_id=pk) for pk in waiting[: window.batch]]


def _refunds_not_made(window: Window) -> list[Event]:
    refunds = Refund.objects.filter(
        ~Exists(live_messages(task=REFUND, about="pk", sent_since=window.stuck)),
        status=Refund.Status.PENDING,
        stripe_id=None,
        requested_at__range=(window.given_up, window.stuck),
    )
    return _refunds_requested(refunds.order_by("requested_at")[: window.batch])


def _refunds_under_way(window: Window) -> list[Event]:
    """Those that Stripe has and has not finished: asked for when attempts are, unless one was asked for since then."""
    last_due = Case(
        *(When(requested_at__lte=window.at - after, then=F("requested_at") + after) for after in reversed(ASKED_AFTER)),
        output_field=DateTimeField(),
    )
    refunds = Refund.objects.alias(last_due=last_due).filter(
        ~Exists(live_messages(task=REFUND, about="pk", sent_since=OuterRef("last_due"))),
        status=Refund.Status.PENDING,
        stripe_id__isnull=False,
        requested_at__range=(window.given_up, window.at - ASKED_AFTER[0]),
    )
    return _refunds_requested(refunds.order_by("requested_at")[: window.batch])


def _late_steps(window: Window) -> list[Event]:
    """However late: a step that was not taken keeps the next one from being planned."""
    of_the_run = live_messages(task=DUNNING, about="run__order", sent_since=window.stuck)
    on_its_way = of_the_run.alias(step=KT("kwargs__step_number")).filter(step=Cast(OuterRef("number"), TextField()))
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


# Orders before attempts: what both find is published once, as the second sees the first's message.
KINDS: dict[str, Callable[[Window], Sequence[Event]]] = {
    "unpaid orders": _unpaid_orders,
    "open attempts": _open_attempts,
    "orders called off": _orders_called_off,
    "fulfilments not started": _fulfilments_not_started,
    "webhook events": _webhook_events,
    "refunds not made": _refunds_not_made,
    "refunds under way": _refunds_under_way,
    "late dunning steps": _late_steps,
}
