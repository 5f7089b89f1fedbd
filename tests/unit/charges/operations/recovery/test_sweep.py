"""What is stuck is found and sent on its way again, once, and only that."""

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
from charges.operations.recovery.sweep import KINDS, Window, sweep
from charges.operations.recovery.unknown_outcomes import ask_for_outcomes
from charges.operations.stripe_events.objects import ChargeNotHereYet
from charges.operations.stripe_events.processing import process_stripe_event
from integrations.inbox.models import WebhookEvent
from integrations.outbox.events import Event, publish
from integrations.outbox.models import OutboxMessage
from integrations.sqs.current import topology
from integrations.sqs.topology import CHARGES
from orders.events import OrderPaid, OrderPlaced
from orders.models import Order
from tests.support.payments import (
    NOW,
    StripeSandbox,
    capture,
    capture_by_ladder,
    place_order,
    published,
    start_fulfilments,
)
from tests.support.plans import only_by
from tests.unit.charges.operations.payments.test_capture_concurrent import at_once

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
    """A try of dunning's at an order that failed before; nobody heard of it since."""
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
    """The relay has sent everything, then."""
    OutboxMessage.objects.update(sent_at=at)


def told(event: Event) -> None:
    with transaction.atomic():
        publish(event)


def due(order: Any) -> PaymentDue:
    return PaymentDue(order_id=order.pk, customer_id=order.customer_id, order_number=order.number)


def swept(at: dt.datetime = NOW, **options: int) -> dict[str, int]:
    return {kind: count for kind, count in sweep(at=at, **options).items() if count}


def called_off(*, canceled_at: dt.datetime = NOW - HOUR) -> Any:
    """A canceled order whose intent nobody has closed."""
    order = place_order()
    charge_of(order, "failed")
    Order.objects.filter(pk=order.pk).update(status="canceled", canceled_at=canceled_at)
    return order


def never_started(**fields: Any) -> Any:
    """A paid order whose fulfilment nobody has begun."""
    return place_order(**{"status": "paid", "paid_at": NOW - HOUR, **fields})


STUCK: dict[str, tuple[Callable[..., Any], str]] = {
    "unpaid orders": (waiting_order, "PaymentDue"),
    "open attempts": (open_attempt, "PaymentDue"),
    "orders called off": (called_off, "OrderCanceled"),
    "fulfilments not started": (never_started, "FulfilmentDue"),
    "webhook events": (stored_event, "StripeWebhookReceived"),
    "refunds not made": (refund, "RefundRequested"),
    "refunds under way": (refund_at_stripe, "RefundRequested"),
    "late dunning steps": (planned_step, "DunningStepPlanned"),
}
TIMES = {
    "unpaid orders": "placed_at",
    "open attempts": "started_at",
    "orders called off": "canceled_at",
    "fulfilments not started": "paid_at",
    "webhook events": "received_at",
    "refunds not made": "requested_at",
    "refunds under way": "requested_at",
    "late dunning steps": "due_at",
}


def test_every_kind_is_tested() -> None:
    assert list(STUCK) == list(TIMES) == list(KINDS)


def test_the_ladder_is_outlasted_within_the_hour() -> None:
    assert dt.timedelta(seconds=topology().longest_life_of(CHARGES)) + 5 * MINUTE == LIFE
    assert LIFE < HOUR


@pytest.mark.parametrize("kind", STUCK)
def test_what_is_stuck_is_sent_again_and_a_second_sweep_finds_nothing(kind: str) -> None:
    make, event = STUCK[kind]
    make()

    assert swept() == {kind: 1}
    assert published() == {event: 1}
    assert swept() == {}
    sent(NOW)
    assert swept(NOW + LIFE - 2 * SECOND) == {}
    assert published() == {event: 1}


@pytest.mark.parametrize("kind", [kind for kind in STUCK if kind != "refunds under way"])
def test_it_is_sent_again_until_it_moves(kind: str) -> None:
    STUCK[kind][0]()
    swept()
    sent(NOW)

    assert swept(NOW + LIFE + SECOND) == {kind: 1}


@pytest.mark.parametrize("kind", STUCK)
def test_what_waits_for_its_first_message_is_not_stuck(kind: str) -> None:
    youngest = {"refunds under way": 5 * MINUTE, "late dunning steps": HOUR}.get(kind, LIFE)
    STUCK[kind][0](**{TIMES[kind]: NOW - youngest + SECOND})

    assert swept() == {}
    assert swept(NOW + 2 * SECOND) == {kind: 1}


@pytest.mark.parametrize("kind", [kind for kind in STUCK if kind != "late dunning steps"])
def test_after_three_days_it_is_a_persons(kind: str) -> None:
    STUCK[kind][0](**{TIMES[kind]: NOW - 3 * DAY - SECOND})
    assert swept() == {}


def test_a_late_dunning_step_is_late_however_long() -> None:
    planned_step(due_at=NOW - 90 * DAY)
    assert swept() == {"late dunning steps": 1}


@pytest.mark.parametrize("kind", STUCK)
def test_a_batch_is_the_oldest_ones_and_the_next_sweep_has_the_rest(kind: str) -> None:
    make, event = STUCK[kind]
    made = [make(**{TIMES[kind]: NOW - 2 * HOUR - n * MINUTE}) for n in range(5)]

    assert swept(batch=3) == {kind: 3}
    first = {value for row in OutboxMessage.objects.all() for value in row.kwargs.values()}
    named = [str(one.run.order_id if isinstance(one, DunningStep) else one.pk) in first for one in made]
    assert named == [False, False, True, True, True]
    assert swept(batch=3) == {kind: 2}
    assert (swept(batch=3), published()) == ({}, {event: 5})


def test_the_statements_are_as_many_whatever_is_stuck() -> None:
    counts = []
    for number in (1, 12):
        OutboxMessage.objects.all().delete()
        for make, _ in STUCK.values():
            for _ in range(number):
                make()
        with CaptureQueriesContext(connection) as queries:
            found = sweep(at=NOW)
        assert set(found.values()) == {number if number == 1 else number + 1}
        counts.append([query["sql"].split()[0] for query in queries if "advisory" not in query["sql"]])
    assert counts == [["BEGIN", "SELECT", "INSERT", "COMMIT"] * len(KINDS)] * 2


@pytest.mark.parametrize(
    ("kind", "index"),
    [("orders called off", "order_called_off"), ("fulfilments not started", "order_paid_not_started")],
)
def test_orders_of_the_last_days_are_found_by_an_index_of_their_own(kind: str, index: str) -> None:
    STUCK[kind][0]()
    with transaction.atomic(), connection.cursor() as cursor:
        only_by(index, cursor)
        with CaptureQueriesContext(connection) as queries:
            assert len(KINDS[kind](Window(at=NOW, batch=1))) == 1
        cursor.execute(f"EXPLAIN {queries[-1]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        transaction.set_rollback(True)
    assert re.search(rf"Scan using {index} .*\n +Index Cond: \(\({TIMES[kind]} >=", plan), plan


def test_two_sweeps_at_once_publish_once() -> None:
    for make, _ in STUCK.values():
        for _ in range(10):
            make()

    assert at_once(*[lambda: sweep(at=NOW)] * 3) == []

    assert published() == {
        "PaymentDue": 20, "StripeWebhookReceived": 10, "RefundRequested": 20, "DunningStepPlanned": 10,
        "OrderCanceled": 10, "FulfilmentDue": 10,
    }  # fmt: skip


# Which orders


def test_an_order_whose_charge_is_pending_is_sent_again_once() -> None:
    """It is an unpaid order and has an open attempt: two reasons, one message."""
    attempt_at(charge_of(waiting_order()))
    assert (swept(), published()) == ({"unpaid orders": 1}, {"PaymentDue": 1})


@pytest.mark.parametrize("status", ["requires_action", "payment_failed", "paid", "fulfilled", "canceled"])
def test_an_order_that_is_not_waiting_for_us_is_left_alone(status: str) -> None:
    waiting_order(status=status, paid_at=NOW if status in ("paid", "fulfilled") else None)
    assert swept() == {}


def test_a_request_that_stripe_refused_is_left_to_a_person() -> None:
    charge = charge_of(waiting_order(), "failed")
    attempt_at(charge, "refused")
    assert swept() == {}


@pytest.mark.parametrize("status", ["processing", "requires_action", "failed", "canceled"])
def test_a_charge_that_is_not_pending_is_left_alone(status: str) -> None:
    charge_of(waiting_order(), status)
    assert swept() == {}


@pytest.mark.parametrize("status", ["paused", "canceled"])
def test_nothing_is_charged_for_a_subscription_that_rests(status: str) -> None:
    subscription = waiting_order().subscription
    subscription.status, subscription.canceled_at = status, NOW if status == "canceled" else None
    subscription.save()
    assert swept() == {}


@pytest.mark.parametrize("status", ["paused", "canceled"])
def test_but_what_was_begun_for_it_is_found_out(status: str) -> None:
    order = open_attempt()
    order.subscription.status, order.subscription.canceled_at = status, NOW if status == "canceled" else None
    order.subscription.save()
    assert swept() == {"open attempts": 1}


# Which messages count


@pytest.mark.parametrize("sent_at", [None, NOW - LIFE + SECOND])
def test_the_message_of_the_checkout_counts_as_well(sent_at: dt.datetime | None) -> None:
    order = waiting_order()
    told(OrderPlaced(order_id=order.pk, customer_id=order.customer_id))
    sent(sent_at) if sent_at else None
    assert swept() == {}


def test_messages_about_others_and_to_others_do_not_count() -> None:
    order, other = waiting_order(), place_order(placed_at=NOW)
    told(due(other))
    told(OrderPlaced(order_id=order.pk, customer_id=order.customer_id))
    OutboxMessage.objects.filter(task="charges.capture_payment", kwargs__order_id=str(order.pk)).delete()
    assert OutboxMessage.objects.filter(kwargs__order_id=str(order.pk)).exists(), "a mail is on its way"
    assert swept() == {"unpaid orders": 1}


def test_the_janitors_question_counts() -> None:
    attempt_at(charge_of(waiting_order()))
    assert ask_for_outcomes(at=NOW) == 1
    assert swept() == {}


def test_the_message_of_an_earlier_dunning_step_does_not_count() -> None:
    step = planned_step(number=2)
    order = step.run.order
    for number in (1, 2):
        told(DunningStepPlanned(order_id=order.pk, customer_id=order.customer_id, step_number=number))
    OutboxMessage.objects.filter(kwargs__step_number=1).update(sent_at=NOW)
    assert swept() == {}, "step 2 has not been sent yet"
    OutboxMessage.objects.filter(kwargs__step_number=2).update(sent_at=NOW - HOUR)
    assert swept() == {"late dunning steps": 1}


# Which of the others


def test_the_steps_of_a_run_that_ended_and_steps_that_were_taken_are_left_alone() -> None:
    planned_step(status="recovered")
    planned_step(status="exhausted")
    planned_step().run.steps.update(status="reminded", done_at=NOW)
    assert swept() == {}


def test_events_dealt_with_and_those_of_brevo_are_left_alone() -> None:
    stored_event(processed_at=NOW)
    stored_event(provider="brevo")
    assert swept() == {}


@pytest.mark.parametrize("status", ["refunded", "partially_refunded", "canceled", "fulfilled"])
def test_what_is_not_simply_paid_is_not_fulfilled_by_a_sweep(status: str) -> None:
    never_started(status=status)
    assert swept() == {}


def test_what_is_on_its_way_to_the_customer_is_left_alone() -> None:
    never_started(fulfilment_started_at=NOW - HOUR)
    assert swept() == {}


def test_the_message_of_the_payment_counts_for_its_fulfilment() -> None:
    order = never_started()
    told(OrderPaid(order_id=order.pk, customer_id=order.customer_id))
    assert swept() == {}


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
def test_refunds_that_have_an_outcome_are_left_alone(status: str) -> None:
    refund_at_stripe(status=status, succeeded_at=NOW, failed_at=NOW)
    assert swept() == {}


def test_a_refund_under_way_is_asked_for_after_five_minutes_an_hour_and_a_day() -> None:
    refund_at_stripe(requested_at=NOW)
    asked = []
    for after in (4 * MINUTE, 5 * MINUTE, 50 * MINUTE, HOUR, 20 * HOUR, DAY, 2 * DAY, 4 * DAY):
        asked.append(sum(swept(NOW + after).values()))
        OutboxMessage.objects.filter(sent_at=None).update(sent_at=NOW + after + SECOND)
    assert asked == [0, 1, 0, 1, 0, 1, 0, 0]


# The whole way


def test_an_outage_that_outlasts_the_ladder_ends_in_a_paid_order(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(placed_at=NOW)
    told(OrderPlaced(order_id=order.pk, customer_id=order.customer_id))
    # The card is charged at the first try, and nobody hears of it.
    stripe_sandbox.faults(
        {"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect"},
        {"method": "GET", "path": "/v1/payment_intents/*", "kind": "drop"},
    )
    with pytest.raises(pytest.fail.Exception, match="not done in 4 tries"):
        capture_by_ladder(order)
    sent(NOW)  # and it is a dead letter by now
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
    start_fulfilments()
    sent(NOW)
    assert swept(NOW + 2 * HOUR) == {}


def test_a_fulfilment_that_died_is_begun_in_the_end_and_nobody_is_told_of_the_payment_again(
    stripe_sandbox: StripeSandbox,
) -> None:
    order = place_order()
    capture(order)
    sent(NOW)  # and orders.start_fulfilment is a dead letter by now
    heard = set(OutboxMessage.objects.values_list("pk", flat=True))

    assert swept(NOW + HOUR) == {"fulfilments not started": 1}
    assert list(OutboxMessage.objects.exclude(pk__in=heard).values_list("task", flat=True)) == [
        "orders.start_fulfilment"
    ]
    start_fulfilments()

    order.refresh_from_db()
    assert (order.status, order.fulfilment_started_at is None) == ("paid", False)
    assert swept(NOW + 2 * HOUR) == {}


def test_stripe_was_away_altogether(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(placed_at=NOW)
    stripe_sandbox.faults({"kind": "error", "status": 503})
    with pytest.raises(pytest.fail.Exception, match="not done in 4 tries"):
        capture_by_ladder(order)
    assert swept(NOW + HOUR) == {"unpaid orders": 1}
    sent(NOW + HOUR)
    with pytest.raises(pytest.fail.Exception, match="not done in 4 tries"):
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
    charge.save()
    stored = stored_event(payload=event)
    with pytest.raises(ChargeNotHereYet):
        process_stripe_event(webhook_event_id=stored.pk, at=NOW)

    assert swept() == {"webhook events": 1}
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
    start_fulfilments()
    sent(NOW)
    assert swept(NOW + 2 * HOUR) == {}
