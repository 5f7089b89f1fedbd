"""The tasks of ChargesQueue."""

from __future__ import annotations

from uuid import UUID

from celery import current_task
from django.utils import timezone

from charges.events import (
    DunningExhausted,
    DunningStepPlanned,
    PaymentDue,
    PaymentMethodAdded,
    PaymentMethodRemoved,
    PaymentReturned,
    ReconciliationContinues,
    RefundRequested,
    StripeWebhookReceived,
)
from charges.operations import erasing, ledger
from charges.operations.dunning import ending, steps
from charges.operations.payments import cancellation, capture, card_expiries, payment_methods, reading, wallet
from charges.operations.reconciliation import runs
from charges.operations.recovery import missed_events, stuck_work, unknown_outcomes
from charges.operations.refunds import creation
from charges.operations.stripe_events import processing
from integrations.outbox import recovery
from integrations.outbox.events import consumes
from integrations.quick_retries import with_quick_retries
from integrations.sqs.tasks import task
from integrations.sqs.topology import CHARGES
from orders.events import ChangePlaced, OrderCanceled, OrderPlaced, RenewalPlaced
from subscriptions.events import CustomerUpdated, ErasureBegun, SubscriptionCanceled
from subscriptions.operations.erasures import parts

recovery.register(stuck_work.FINDERS)
parts.register("charges", erasing.PART)


@consumes(OrderPlaced, RenewalPlaced, ChangePlaced, PaymentDue, name="charges.capture_payment", queue=CHARGES)
def capture_payment(*, order_id: UUID, **_: object) -> None:
    with_quick_retries(lambda: capture.capture_payment(order_id=order_id, at=timezone.now(), task_id=_task_id()))


@consumes(OrderCanceled, name="charges.cancel_payment", queue=CHARGES)
def cancel_payment(*, order_id: UUID, **_: object) -> None:
    with_quick_retries(lambda: cancellation.cancel_payment(order_id=order_id, at=timezone.now()))


@consumes(PaymentMethodAdded, name="charges.attach_payment_method", queue=CHARGES)
def attach_payment_method(*, saved_payment_method_id: UUID, **_: object) -> None:
    wallet.attach(saved_payment_method_id=saved_payment_method_id, at=timezone.now())


@consumes(CustomerUpdated, name="charges.update_stripe_customer", queue=CHARGES)
def update_stripe_customer(*, customer_id: UUID, **_: object) -> None:
    payment_methods.update_stripe_customer(customer_id=customer_id)


@consumes(PaymentMethodRemoved, name="charges.detach_payment_method", queue=CHARGES)
def detach_payment_method(*, saved_payment_method_id: UUID, **_: object) -> None:
    wallet.detach(saved_payment_method_id=saved_payment_method_id)


@consumes(DunningStepPlanned, name="charges.take_dunning_step", queue=CHARGES)
def take_dunning_step(*, order_id: UUID, step_number: int, **_: object) -> None:
    steps.take_step(order_id=order_id, step_number=step_number, at=timezone.now(), task_id=_task_id())


@consumes(SubscriptionCanceled, name="charges.stop_dunning", queue=CHARGES)
def stop_dunning(*, subscription_id: UUID, **_: object) -> None:
    ending.stop_for_ended_subscription(subscription_id=subscription_id, at=timezone.now())


@consumes(DunningExhausted, name="charges.cancel_other_unpaid_orders", queue=CHARGES)
def cancel_other_unpaid_orders(*, order_id: UUID, **_: object) -> None:
    ending.cancel_other_unpaid_orders(order_id=order_id, at=timezone.now())


@consumes(RefundRequested, name="charges.refund_payment", queue=CHARGES)
def refund_payment(*, refund_id: UUID, **_: object) -> None:
    with_quick_retries(lambda: creation.make_refund(refund_id=refund_id, at=timezone.now()))


@consumes(StripeWebhookReceived, name="charges.process_webhook", queue=CHARGES)
def process_webhook(*, webhook_event_id: UUID, **_: object) -> None:
    with_quick_retries(lambda: processing.process_stripe_event(webhook_event_id=webhook_event_id, at=timezone.now()))


@consumes(PaymentReturned, name="charges.read_payment", queue=CHARGES)
def read_payment(*, order_id: UUID, **_: object) -> None:
    with_quick_retries(lambda: reading.read_payment_of(order_id=order_id, at=timezone.now()))


@consumes(ErasureBegun, name="charges.erase_cards", queue=CHARGES)
def erase_cards(*, erasure_id: UUID, **_: object) -> None:
    erasing.erase_cards(erasure_id=erasure_id, at=timezone.now())


@consumes(ErasureBegun, name="charges.delete_stripe_customer", queue=CHARGES)
def delete_stripe_customer(*, erasure_id: UUID, **_: object) -> None:
    erasing.delete_stripe_customer(erasure_id=erasure_id, at=timezone.now())


@task(name="charges.check_ledger", queue=CHARGES)
def check_ledger(**_: object) -> None:
    """A violation is logged and does not fail the task: a retry would find the same violation."""
    ledger.report_broken()


@task(name="charges.check_unknown_outcomes", queue=CHARGES)
def check_unknown_outcomes(**_: object) -> None:
    unknown_outcomes.check_unknown_outcomes(at=timezone.now())


@task(name="charges.fetch_missed_events", queue=CHARGES)
def fetch_missed_events(**_: object) -> None:
    missed_events.fetch_missed_events(at=timezone.now())


@task(name="charges.reconcile_payments", queue=CHARGES)
def reconcile_payments(**_: object) -> None:
    runs.begin_nightly(at=timezone.now())


@consumes(ReconciliationContinues, name="charges.continue_reconciliation", queue=CHARGES)
def continue_reconciliation(*, run_id: UUID, step: int, **_: object) -> None:
    with_quick_retries(lambda: runs.continue_nightly(run_id=run_id, step=step, at=timezone.now()))


def _task_id() -> str:
    return (current_task.request.id if current_task else None) or ""


@task(name="charges.warn_of_expiring_cards", queue=CHARGES)
def warn_of_expiring_cards(**_: object) -> None:
    card_expiries.warn_of_expiring_cards(at=timezone.now())
