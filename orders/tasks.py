"""The tasks of this app, on OrdersQueue."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from integrations.outbox import recovery
from integrations.outbox.events import consumes
from integrations.sqs.tasks import task
from integrations.sqs.topology import ORDERS
from orders.events import ChangeExpires, FulfillmentDue, OrderPaid
from orders.operations import cancellation, checkout, erasing, fulfillment, holds, renewals
from orders.operations import recovery as stuck_work
from orders.operations.plan_changes import dropping, quotes
from subscriptions.events import ErasureBegun, PlanChangeClosed, SubscriptionCanceled, SubscriptionRenewalDue
from subscriptions.operations.erasures import parts

recovery.register(stuck_work.FINDERS)
parts.register("orders", erasing.PART)


@consumes(OrderPaid, FulfillmentDue, name="orders.start_fulfillment", queue=ORDERS)
def start_fulfillment(*, order_id: UUID, **_: object) -> None:
    fulfillment.start_fulfillment(order_id=order_id, at=timezone.now())


@consumes(SubscriptionCanceled, name="orders.cancel_unpaid_orders", queue=ORDERS)
def cancel_unpaid_orders(*, subscription_id: UUID, **_: object) -> None:
    cancellation.cancel_unpaid_of_ended(subscription_id=subscription_id, at=timezone.now())


@consumes(ChangeExpires, name="orders.drop_unpaid_change", queue=ORDERS)
def drop_unpaid_change(*, order_id: UUID, **_: object) -> None:
    dropping.drop_unpaid(order_id=order_id, at=timezone.now())


@consumes(PlanChangeClosed, name="orders.cancel_order_of_closed_change", queue=ORDERS)
def cancel_order_of_closed_change(*, pending_change_id: UUID, **_: object) -> None:
    dropping.cancel_order_of_closed_change(pending_change_id=pending_change_id, at=timezone.now())


@consumes(SubscriptionRenewalDue, name="orders.place_renewal", queue=ORDERS)
def place_renewal(*, subscription_id: UUID, period_number: int, **_: object) -> None:
    renewals.place_renewal(subscription_id=subscription_id, period_number=period_number, at=timezone.now())


@task(name="orders.lift_due_holds", queue=ORDERS)
def lift_due_holds(**_: object) -> None:
    holds.lift_due_holds(at=timezone.now())


@consumes(ErasureBegun, name="orders.erase_addresses", queue=ORDERS)
def erase_addresses(*, erasure_id: UUID, **_: object) -> None:
    erasing.erase_addresses(erasure_id=erasure_id, at=timezone.now())


@task(name="orders.purge_stored_responses", queue=ORDERS)
def purge_stored_responses(**_: object) -> None:
    checkout.purge_stored_responses(at=timezone.now())


@task(name="orders.purge_unused_quotes", queue=ORDERS)
def purge_unused_quotes(**_: object) -> None:
    quotes.purge_unused_quotes(at=timezone.now())
