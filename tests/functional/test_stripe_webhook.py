"""Stripe's webhooks over real HTTP: signed, late, twice, in random order, and while the database is down."""

from __future__ import annotations

from typing import Any

import pytest
from celery import current_app
from django.conf import settings as django_settings
from django.db import OperationalError

from charges.models import Charge
from integrations.errors import ProviderUnclear
from integrations.inbox import recording
from integrations.inbox.models import WebhookEvent
from integrations.outbox.models import OutboxMessage
from tests.support.deliveries import capture, published
from tests.support.factories import place_order
from tests.support.processes import wait_for
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

TASK = "charges.process_webhook"


@pytest.fixture
def stripe(stripe_sandbox: StripeSandbox, live_server: Any) -> StripeSandbox:
    """A sandbox that sends its webhooks to the shop."""
    assert django_settings.STRIPE_WEBHOOK_SECRETS == ("whsec_sandbox",)
    stripe_sandbox.webhooks_to(f"{live_server.url}/webhooks/stripe/")
    return stripe_sandbox


def pay_with_a_lost_response(sandbox: StripeSandbox, **order: Any) -> Any:
    sandbox.faults(
        {"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect", "times": 1},
        {"kind": "webhook_duplicate"},
        {"kind": "webhook_reorder", "window_ms": 200},
    )
    placed = place_order(**order)
    with pytest.raises(ProviderUnclear):
        capture(placed)
    return placed


def work(sandbox: StripeSandbox) -> None:
    """Wait for all webhooks, then process every message twice."""
    wait_for(sandbox.idle, what="Stripe has delivered its webhooks")
    for row in OutboxMessage.objects.filter(task=TASK).order_by("?"):
        current_app.tasks[TASK](**row.kwargs)
        current_app.tasks[TASK](**row.kwargs)
        row.delete()


def test_the_webhook_completes_a_payment_whose_response_was_lost(stripe: StripeSandbox) -> None:
    order = pay_with_a_lost_response(stripe)

    work(stripe)

    order.refresh_from_db()
    assert (order.status, Charge.objects.get().status, published()) == ("paid", "succeeded", {"OrderPaid": 1})
    types = list(WebhookEvent.objects.values_list("type", flat=True))
    assert "payment_intent.succeeded" in types
    assert len(types) == len(stripe.objects("events")), "each event is stored once, though it was delivered twice"
    assert not WebhookEvent.objects.filter(processed_at=None).exists()


def test_the_webhook_reports_a_decline_whose_response_was_lost(stripe: StripeSandbox) -> None:
    order = pay_with_a_lost_response(stripe, payment_method="pm_card_chargeCustomerFail_lost_card")

    work(stripe)

    order.refresh_from_db()
    assert (order.status, published()) == ("payment_failed", {"PaymentFailed": 1})
    capture(order)
    assert len(stripe.requests(path="/confirm")) == 1


def test_stripe_retries_events_that_could_not_be_stored(stripe: StripeSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    real, rejected = recording.record, []

    def fail_at_first(**event: Any) -> int:
        if len(rejected) < 3:
            rejected.append(event)
            raise OperationalError("connection rejected")
        return real(**event)

    monkeypatch.setattr(recording, "record", fail_at_first)
    order = pay_with_a_lost_response(stripe)

    work(stripe)

    order.refresh_from_db()
    assert (len(rejected), order.status) == (3, "paid")
    assert WebhookEvent.objects.count() == len(stripe.objects("events"))


def test_an_event_with_a_wrong_signature_is_not_stored(stripe: StripeSandbox, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ("whsec_another",)
    capture(place_order())
    wait_for(stripe.idle, what="Stripe has given up")

    assert WebhookEvent.objects.count() == 0


def test_a_secret_is_rotated_without_a_gap(stripe: StripeSandbox, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ("whsec_new", "whsec_sandbox")
    order = pay_with_a_lost_response(stripe)

    work(stripe)

    order.refresh_from_db()
    assert order.status == "paid"
