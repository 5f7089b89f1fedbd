"""The sweep publishes the events of stuck work once, and of no other work."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from charges.events import DunningStepPlanned, PaymentDue
from charges.models import Charge, ChargeAttempt, DunningRun, DunningStep, Refund
from charges.operations import attempts
from charges.operations.recovery.stuck_work import FINDERS
from charges.operations.recovery.unknown_outcomes import check_unknown_outcomes
from charges.operations.stripe_events.objects import ChargeNotHereYet
from charges.operations.stripe_events.processing import process_stripe_event
from integrations.inbox.models import WebhookEvent
from integrations.outbox.events import Event, publish
from integrations.outbox.models import OutboxMessage
from integrations.outbox.recovery import Window, registered_finders, sweep
from orders.events import OrderPaid, OrderPlaced
from orders.models import Order
from tests.support.concurrency import errors_at_once
from tests.support.days import NOW
from tests.support.deliveries import capture, capture_by_ladder, published, start_fulfillments
from tests.support.factories import place_order
from tests.support.queries import only_by
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
LIFE = NOW - Window(at=NOW, batch=1).stuck  # how long a message lives at most
SECOND = dt.timedelta(seconds=1)


def waiting_order(**fields: Any) -> Any:
    """An order whose capture message is long gone."""
    return place_order(**{"placed_at": NOW - HOUR, **fields})


def charge_of(order: Any, status: str = "pending", **fields: Any) -> Charge:
    charge = attempts.open_charge(order_id=order.pk)
    assert charge is not None
    Charge.objects.filter(pk=charge.pk).update(status=status, **fields)
    charge.refresh_from_db()
    return charge


def attempt_at(charge: Charge, status: str = "unknown", *, started_at: dt.datetime = NOW - HOUR) -> ChargeAttempt:
    finished = {} if status in ChargeAttempt.OPEN else {"finished_at": started_at}
    return ChargeAttempt.objects.create(
        charge=charge,
        number=1,
        idempotency_key=f"charge:{charge.pk}:confirm:1",
        status=status,
        started_at=started_at,
        **finished,
    )


def open_attempt(**fields: Any) -> Any:
    """An attempt by dunning at an order that failed before; its outcome was lost."""
    order = place_order(status="payment_failed", placed_at=NOW - 20 * DAY)
    attempt_at(charge_of(order), **fields)
    return order


def stored_event(**fields: Any) -> WebhookEvent:
    intent = {"id": "pi_of_somebody", "metadata": {}}
    type_, id = "payment_intent.succeeded", f"evt_{uuid.uuid4().hex}"
    payload = {"id": id, "object": "event", "type": type_, "data": {"object": intent}}
    return WebhookEvent.objects.create(
        **{"provider": "stripe", "event_id": id, "type": type_, "payload": payload, "received_at": NOW - HOUR, **fields}
    )


def refund(**fields: Any) -> Refund:
    order = place_order(status="paid", paid_at=NOW - DAY)
    charge = Charge.objects.create(
        order=order,
        amount=order.amount,
        currency="EUR",
        payment_method="pm_card_visa",
        status="succeeded",
        payment_intent_id=f"pi_{order.pk.hex}",
        succeeded_at=NOW - DAY,
    )
    return Refund.objects.create(
        **{"charge": charge, "amount": 5, "origin": "staff", "requested_at": NOW - HOUR, **fields}
    )


def refund_at_stripe(**fields: Any) -> Refund:
    return refund(**{"stripe_id": f"re_{uuid.uuid4().hex}", **fields})


def planned_step(*, status: str = "active", **fields: Any) -> DunningStep:
    ended = {} if status == "active" else {"ended_at": NOW}
    run = DunningRun.objects.create(
        order=place_order(status="payment_failed", placed_at=NOW - 20 * DAY),
        status=status,
        schedule=[2, 5, 7, 7],
        unpaid_policy="cancel",
        started_at=NOW - 3 * DAY,
        **ended,
    )
    return DunningStep.objects.create(**{"run": run, "number": 1, "due_at": NOW - 2 * HOUR, **fields})


def sent(at: dt.datetime) -> None:
    """Mark every message as sent at this time."""
    OutboxMessage.objects.update(sent_at=at)


def publish_now(event: Event) -> None:
    with transaction.atomic():
        publish(event)


def due(order: Any) -> PaymentDue:
    return PaymentDue(order_id=order.pk, customer_id=order.customer_id, order_number=order.number)


def swept(at: dt.datetime = NOW, **options: int) -> dict[str, int]:
    return {kind: count for kind, count in sweep(at=at, **options).items() if count}


def canceled_order(*, canceled_at: dt.datetime = NOW - HOUR) -> Any:
    """A canceled order whose intent is still open."""
    order = place_order()
    charge_of(order, "failed")
    Order.objects.filter(pk=order.pk).update(status="canceled", canceled_at=canceled_at)
    return order


def never_started(**fields: Any) -> Any:
    """A paid order whose fulfillment never started."""
    return place_order(**{"status": "paid", "paid_at": NOW - HOUR, **fields})


STUCK: dict[str, tuple[Callable[..., Any], str]] = {
    "unpaid orders": (waiting_order, "PaymentDue"),
    "open attempts": (open_attempt, "PaymentDue"),
    "canceled orders": (canceled_order, "OrderCanceled"),
    "fulfillments not started": (never_started, "FulfillmentDue"),
    "Stripe events": (stored_event, "StripeWebhookReceived"),
    "refunds not created": (refund, "RefundRequested"),
    "refunds in progress": (refund_at_stripe, "RefundRequested"),
    "late dunning steps": (planned_step, "DunningStepPlanned"),
}
TIMES = {
    "unpaid orders": "placed_at",
    "open attempts": "started_at",
    "canceled orders": "canceled_at",
    "fulfillments not started": "paid_at",
    "Stripe events": "received_at",
    "refunds not created": "requested_at",
    "refunds in progress": "requested_at",
    "late dunning steps": "due_at",
}


def test_every_kind_of_work_is_tested() -> None:
    assert list(STUCK) == list(TIMES) == list(FINDERS)


@pytest.mark.parametrize("kind", STUCK)
def test_stuck_work_is_published_again_and_a_second_sweep_finds_nothing(kind: str) -> None:
    make, event = STUCK[kind]
    make()

    assert swept() == {kind: 1}
    assert published() == {event: 1}
    assert swept() == {}
    sent(NOW)
    assert swept(NOW + LIFE - 2 * SECOND) == {}
    assert published() == {event: 1}


@pytest.mark.parametrize("kind", [kind for kind in STUCK if kind != "refunds in progress"])
def test_stuck_work_is_published_again_until_it_is_done(kind: str) -> None:
    STUCK[kind][0]()
    swept()
    sent(NOW)

    assert swept(NOW + LIFE + SECOND) == {kind: 1}


@pytest.mark.parametrize("kind", STUCK)
def test_work_that_waits_for_its_first_message_is_not_stuck(kind: str) -> None:
    youngest = {"refunds in progress": 5 * MINUTE, "late dunning steps": HOUR}.get(kind, LIFE)
    STUCK[kind][0](**{TIMES[kind]: NOW - youngest + SECOND})

    assert swept() == {}
    assert swept(NOW + 2 * SECOND) == {kind: 1}


@pytest.mark.parametrize("kind", [kind for kind in STUCK if kind != "late dunning steps"])
def test_after_three_days_stuck_work_is_left_to_a_person(kind: str) -> None:
    STUCK[kind][0](**{TIMES[kind]: NOW - 3 * DAY - SECOND})
    assert swept() == {}


def test_a_late_dunning_step_is_found_at_any_age() -> None:
    planned_step(due_at=NOW - 90 * DAY)
    assert swept() == {"late dunning steps": 1}


@pytest.mark.parametrize("kind", STUCK)
def test_a_batch_takes_the_oldest_and_the_next_sweep_takes_the_rest(kind: str) -> None:
    make, event = STUCK[kind]
    made = [make(**{TIMES[kind]: NOW - 2 * HOUR - n * MINUTE}) for n in range(5)]

    assert swept(batch=3) == {kind: 3}
    first = {value for row in OutboxMessage.objects.all() for value in row.kwargs.values()}
    named = [str(one.run.order_id if isinstance(one, DunningStep) else one.pk) in first for one in made]
    assert named == [False, False, True, True, True]
    assert swept(batch=3) == {kind: 2}
    assert (swept(batch=3), published()) == ({}, {event: 5})


def test_the_number_of_statements_does_not_grow_with_the_stuck_rows() -> None:
    counts = []
    for number in (1, 12):
        OutboxMessage.objects.all().delete()
        for make, _ in STUCK.values():
            for _ in range(number):
                make()
        with CaptureQueriesContext(connection) as queries:
            found = sweep(at=NOW)
        assert {found[kind] for kind in FINDERS} == {number if number == 1 else number + 1}
        words = [query["sql"].split()[0] for query in queries if "advisory" not in query["sql"]]
        counts.append([word for word in words if word in ("SELECT", "INSERT")])
    others = ["SELECT"] * (len(registered_finders()) - len(FINDERS))  # finders of other apps, which find nothing
    assert [sorted(words) for words in counts] == [sorted(["SELECT", "INSERT"] * len(FINDERS) + others)] * 2


@pytest.mark.parametrize(
    ("kind", "index"),
    [("canceled orders", "order_canceled"), ("fulfillments not started", "order_paid_not_started")],
)
def test_orders_of_the_last_days_are_found_by_an_index_of_their_own(kind: str, index: str) -> None:
    STUCK[kind][0]()
    with transaction.atomic(), connection.cursor() as cursor:
        only_by(index, cursor)
        with CaptureQueriesContext(connection) as queries:
            assert len(FINDERS[kind](Window(at=NOW, batch=1))) == 1
        cursor.execute(f"EXPLAIN {queries[-1]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        transaction.set_rollback(True)
    assert re.search(rf"Scan using {index} .*\n +Index Cond: \(\({TIMES[kind]} >=", plan), plan


def test_concurrent_sweeps_publish_once() -> None:
    for make, _ in STUCK.values():
        for _ in range(10):
            make()

    assert errors_at_once(*[lambda: sweep(at=NOW)] * 3) == []

    assert published() == {
        "PaymentDue": 20, "StripeWebhookReceived": 10, "RefundRequested": 20, "DunningStepPlanned": 10,
        "OrderCanceled": 10, "FulfillmentDue": 10,
    }  # fmt: skip


# Which orders


def test_an_order_whose_charge_is_pending_is_sent_again_once() -> None:
    """Both finders see the payment; the sweep publishes one message."""
    attempt_at(charge_of(waiting_order()))
    assert (swept(), published()) == ({"unpaid orders": 1}, {"PaymentDue": 1})


@pytest.mark.parametrize("status", ["requires_action", "payment_failed", "paid", "fulfilled", "canceled"])
def test_an_order_that_does_not_wait_for_a_payment_is_left_alone(status: str) -> None:
    waiting_order(status=status, paid_at=NOW if status in ("paid", "fulfilled") else None)
    assert swept() == {}


def test_a_request_that_stripe_rejected_is_left_to_a_person() -> None:
    charge = charge_of(waiting_order(), "failed")
    attempt_at(charge, "rejected")
    assert swept() == {}


@pytest.mark.parametrize("status", ["processing", "requires_action", "failed", "canceled"])
def test_a_charge_that_is_not_pending_is_left_alone(status: str) -> None:
    charge_of(waiting_order(), status)
    assert swept() == {}


@pytest.mark.parametrize("status", ["paused", "canceled"])
def test_nothing_is_charged_for_a_paused_or_canceled_subscription(status: str) -> None:
    subscription = waiting_order().subscription
    subscription.status, subscription.canceled_at = status, NOW if status == "canceled" else None
    subscription.renews_at = None
    subscription.save()
    assert swept() == {}


@pytest.mark.parametrize("status", ["paused", "canceled"])
def test_an_open_attempt_of_a_paused_or_canceled_subscription_is_resolved(status: str) -> None:
    order = open_attempt()
    order.subscription.status, order.subscription.canceled_at = status, NOW if status == "canceled" else None
    order.subscription.renews_at = None
    order.subscription.save()
    assert swept() == {"open attempts": 1}


# Which messages count


@pytest.mark.parametrize("sent_at", [None, NOW - LIFE + SECOND])
def test_the_message_of_the_checkout_counts(sent_at: dt.datetime | None) -> None:
    order = waiting_order()
    publish_now(OrderPlaced(order_id=order.pk, customer_id=order.customer_id))
    sent(sent_at) if sent_at else None
    assert swept() == {}


def test_messages_about_others_and_to_others_do_not_count() -> None:
    order, other = waiting_order(), place_order(placed_at=NOW)
    publish_now(due(other))
    publish_now(OrderPlaced(order_id=order.pk, customer_id=order.customer_id))
    OutboxMessage.objects.filter(task="charges.capture_payment", kwargs__order_id=str(order.pk)).delete()
    assert OutboxMessage.objects.filter(kwargs__order_id=str(order.pk)).exists(), "a mail is on its way"
    assert swept() == {"unpaid orders": 1}


def test_the_message_of_an_outcome_check_counts() -> None:
    attempt_at(charge_of(waiting_order()))
    assert check_unknown_outcomes(at=NOW) == 1
    assert swept() == {}


def test_the_message_of_an_earlier_dunning_step_does_not_count() -> None:
    step = planned_step(number=2)
    order = step.run.order
    for number in (1, 2):
        publish_now(DunningStepPlanned(order_id=order.pk, customer_id=order.customer_id, step_number=number))
    OutboxMessage.objects.filter(kwargs__step_number=1).update(sent_at=NOW)
    assert swept() == {}, "step 2 has not been sent yet"
    OutboxMessage.objects.filter(kwargs__step_number=2).update(sent_at=NOW - HOUR)
    assert swept() == {"late dunning steps": 1}


# Which of the others


def test_steps_of_ended_runs_and_finished_steps_are_left_alone() -> None:
    planned_step(status="recovered")
    planned_step(status="exhausted")
    planned_step().run.steps.update(status="reminded", done_at=NOW)
    assert swept() == {}


def test_processed_events_are_left_alone() -> None:
    stored_event(processed_at=NOW)
    assert swept() == {}


def test_events_that_a_person_has_to_look_at_are_left_alone() -> None:
    stored_event(outcome="failed: StrayIntent")
    assert swept() == {}


@pytest.mark.parametrize("status", ["refunded", "partially_refunded", "canceled", "fulfilled"])
def test_only_orders_in_state_paid_are_fulfilled_by_a_sweep(status: str) -> None:
    never_started(status=status)
    assert swept() == {}


def test_an_order_whose_fulfillment_started_is_left_alone() -> None:
    never_started(fulfillment_started_at=NOW - HOUR)
    assert swept() == {}


def test_the_message_of_the_payment_counts_for_the_fulfillment() -> None:
    order = never_started()
    publish_now(OrderPaid(order_id=order.pk, customer_id=order.customer_id))
    assert swept() == {}


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
def test_refunds_that_have_an_outcome_are_left_alone(status: str) -> None:
    refund_at_stripe(status=status, succeeded_at=NOW, failed_at=NOW)
    assert swept() == {}


def test_a_refund_in_progress_is_checked_after_five_minutes_an_hour_and_a_day() -> None:
    refund_at_stripe(requested_at=NOW)
    asked = []
    for after in (4 * MINUTE, 5 * MINUTE, 50 * MINUTE, HOUR, 20 * HOUR, DAY, 2 * DAY, 4 * DAY):
        asked.append(sum(swept(NOW + after).values()))
        OutboxMessage.objects.filter(sent_at=None).update(sent_at=NOW + after + SECOND)
    assert asked == [0, 1, 0, 1, 0, 1, 0, 0]


# The whole way


def test_an_outage_that_outlasts_the_ladder_ends_in_a_paid_order(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(placed_at=NOW)
    publish_now(OrderPlaced(order_id=order.pk, customer_id=order.customer_id))
    # The first attempt charges the card, but its answer is lost.
    stripe_sandbox.faults(
        {"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect"},
        {"method": "GET", "path": "/v1/payment_intents/*", "kind": "drop"},
    )
    with pytest.raises(pytest.fail.Exception, match="not done after 4 deliveries"):
        capture_by_ladder(order)
    sent(NOW)  # the message is a dead letter by now
    for minutes in range(0, 40, 10):
        assert swept(NOW + minutes * MINUTE) == {}
    assert swept(NOW + LIFE + SECOND) == {"unpaid orders": 1}
    stripe_sandbox.faults()

    for row in OutboxMessage.objects.filter(sent_at=None, task="charges.capture_payment"):
        assert row.kwargs["order_id"] == str(order.pk)
        capture(order, at=NOW + HOUR)
        capture(order, at=NOW + HOUR)

    order.refresh_from_db()
    assert (order.status, stripe_sandbox.statuses()) == ("paid", ["succeeded"])
    assert [charge["status"] for charge in stripe_sandbox.objects("charges")] == ["succeeded"]
    start_fulfillments()
    sent(NOW)
    assert swept(NOW + 2 * HOUR) == {}


def test_a_lost_fulfillment_message_is_replaced_and_no_other_consumer_runs_again(
    stripe_sandbox: StripeSandbox,
) -> None:
    order = place_order()
    capture(order)
    sent(NOW)  # the message to orders.start_fulfillment is a dead letter by now
    heard = set(OutboxMessage.objects.values_list("pk", flat=True))

    assert swept(NOW + HOUR) == {"fulfillments not started": 1}
    assert list(OutboxMessage.objects.exclude(pk__in=heard).values_list("task", flat=True)) == [
        "orders.start_fulfillment"
    ]
    start_fulfillments()

    order.refresh_from_db()
    assert (order.status, order.fulfillment_started_at is None) == ("paid", False)
    assert swept(NOW + 2 * HOUR) == {}


def test_an_order_is_paid_after_stripe_was_down_for_an_hour(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(placed_at=NOW)
    stripe_sandbox.faults({"kind": "error", "status": 503})
    with pytest.raises(pytest.fail.Exception, match="not done after 4 deliveries"):
        capture_by_ladder(order)
    assert swept(NOW + HOUR) == {"unpaid orders": 1}
    sent(NOW + HOUR)
    with pytest.raises(pytest.fail.Exception, match="not done after 4 deliveries"):
        capture_by_ladder(order, at=NOW + HOUR)
    stripe_sandbox.faults()

    assert swept(NOW + 2 * HOUR) == {"unpaid orders": 1}
    capture(order, at=NOW + 2 * HOUR)

    order.refresh_from_db()
    assert (order.status, stripe_sandbox.statuses()) == ("paid", ["succeeded"])


def test_an_event_that_comes_before_its_charge_waits_and_comes_back(stripe_sandbox: StripeSandbox) -> None:
    capture(place_order())
    charge = Charge.objects.get()
    [event] = [one for one in stripe_sandbox.objects("events") if one["type"] == "payment_intent.succeeded"]
    event["data"]["object"]["metadata"]["charge"] = str(charge_id := uuid.uuid4())
    charge_intent, charge.payment_intent_id = charge.payment_intent_id, "pi_another"
    charge.stripe_charge_id = "ch_another"
    charge.save()
    stored = stored_event(payload=event)
    with pytest.raises(ChargeNotHereYet):
        process_stripe_event(webhook_event_id=stored.pk, at=NOW)

    assert swept() == {"Stripe events": 1}
    order = place_order(amount=charge.amount)
    Charge.objects.create(
        pk=charge_id,
        order=order,
        amount=charge.amount,
        currency="EUR",
        payment_method="pm_card_visa",
        payment_intent_id=charge_intent,
    )
    process_stripe_event(webhook_event_id=stored.pk, at=NOW)

    order.refresh_from_db()
    stored.refresh_from_db()
    assert (order.status, stored.outcome) == ("paid", "charge succeeded")
    start_fulfillments()
    sent(NOW)
    assert swept(NOW + 2 * HOUR) == {}
