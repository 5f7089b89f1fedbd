"""The timeline of an order is read from the rows of its checkout."""

from __future__ import annotations

import datetime as dt

import pytest
from django_celery_results.models import TaskResult

from charges.events import StripeWebhookReceived
from config.desk.timeline import DONE, FAILED, WAITING, Step, in_order, order_timeline
from integrations.inbox.models import WebhookEvent
from integrations.outbox.models import OutboxMessage
from tests.support.factories import place_order

NOON = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)


def after(milliseconds: float) -> dt.datetime:
    return NOON + dt.timedelta(milliseconds=milliseconds)


def test_steps_that_have_not_happened_yet_come_last() -> None:
    late, early, never = (Step(at=at, what="", result="") for at in (after(2), after(1), None))

    assert in_order([never, late, early]) == [early, late, never]


@pytest.mark.django_db
def test_the_timeline_contains_tasks_webhooks_and_the_payment() -> None:
    order = place_order(status="paid", paid_at=after(900))
    capture, mail, waiting = (
        OutboxMessage.objects.create(
            task=task, queue=queue, kwargs={}, headers={"event": event, "request_id": "r1"}, sent_at=NOON
        )
        for task, queue, event in (
            ("charges.capture_payment", "ChargesQueue", "OrderPlaced"),
            ("emails.order_confirmation", "EmailsQueue", "OrderPlaced"),
            ("dixa.sync_end_user", "DixaQueue", "CustomerRegistered"),
        )
    )
    TaskResult.objects.create(task_id=str(capture.pk), status="SUCCESS")
    error = '{"exc_type": "RequestRejected", "exc_message": ["brevo: 400"]}'
    TaskResult.objects.create(task_id=str(mail.pk), status="FAILURE", result=error)
    WebhookEvent.objects.create(
        provider="stripe", event_id="evt_1", type="payment_intent.succeeded", payload={"order": str(order.pk)}
    )
    WebhookEvent.objects.create(provider="stripe", event_id="evt_2", type="other", payload={"order": "another"})

    steps = order_timeline(order=order, request_id="r1", since=NOON - dt.timedelta(days=3650))

    assert {(step.what, step.result, step.state, step.event) for step in steps} == {
        ("charges.capture_payment", "done", DONE, "OrderPlaced"),
        ("emails.order_confirmation", "failed: RequestRejected: brevo: 400", FAILED, "OrderPlaced"),
        ("dixa.sync_end_user", "on its way", WAITING, "CustomerRegistered"),
        ("Stripe webhook", "payment_intent.succeeded", DONE, ""),
        ("order paid", order.number, DONE, ""),
    }
    assert (steps[-1].what, steps[-1].at) == (waiting.task, None)


@pytest.mark.django_db
def test_the_task_of_a_webhook_event_is_a_step_with_the_type_of_the_event() -> None:
    order = place_order(status="paid", paid_at=after(900))
    webhook = WebhookEvent.objects.create(
        provider="stripe", event_id="evt_1", type="payment_intent.succeeded", payload={"order": str(order.pk)}
    )
    OutboxMessage.objects.create(
        task="charges.process_webhook",
        queue="ChargesQueue",
        kwargs={"webhook_event_id": str(webhook.pk)},
        headers={"event": "StripeWebhookReceived"},
        subject_type=StripeWebhookReceived.subject_field.removesuffix("_id"),
        subject_id=webhook.pk,
    )
    steps = order_timeline(order=order, request_id="r1", since=NOON - dt.timedelta(days=3650))
    assert ("charges.process_webhook", "payment_intent.succeeded") in {(step.what, step.event) for step in steps}
