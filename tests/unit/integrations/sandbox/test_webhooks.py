"""Webhook deliveries: signatures, the retries of each provider, restarts, and injected faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import stripe

from integrations.sandbox.app import create_app
from integrations.sandbox.webhooks import Unreachable
from tests.support.processes import wait_for
from tests.support.sandboxes import WEBHOOK_SECRET, RunningSandbox, WebhookReceiver

Make = Callable[..., RunningSandbox]
MAIL = {
    "sender": {"email": "shop@example.com"},
    "to": [{"email": "ann@example.com"}],
    "subject": "Hi",
    "textContent": "Hello",
    "tags": ["renewal"],
    "headers": {"X-Mailin-custom": "msg:1"},
}


def all_deliveries(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    """Wait until no delivery is pending, and return all, oldest first."""
    wait_for(sandbox.app.webhooks.idle)
    return sandbox.app.webhooks.listing()[::-1]


@pytest.fixture
def with_webhooks(own_sandbox: Make, shop: WebhookReceiver) -> RunningSandbox:
    return own_sandbox(
        stripe_webhook_url=shop.url,
        stripe_webhook_secret=WEBHOOK_SECRET,
        brevo_webhook_url=shop.url,
        brevo_webhook_token="brevo-token",
        stripe_webhook_retries=(0.02, 0.02),
        brevo_webhook_retries=(0.02, 0.02),
        webhook_timeout=2.0,
    )


def test_stripe_signs_its_events(with_webhooks: RunningSandbox, shop: WebhookReceiver) -> None:
    customer = with_webhooks.stripe().v1.customers.create(params={"email": "ann@example.com"})
    ((headers, body),) = wait_for(lambda: shop.received)
    event = with_webhooks.stripe().construct_event(body, headers["Stripe-Signature"], WEBHOOK_SECRET)
    assert (event.type, event.data.object.id) == ("customer.created", customer.id)
    with pytest.raises(stripe.SignatureVerificationError):
        with_webhooks.stripe().construct_event(body, headers["Stripe-Signature"], "whsec_other")
    assert all_deliveries(with_webhooks)[0]["state"] == "delivered"


def test_stripe_retries_after_any_response_but_a_2xx(with_webhooks: RunningSandbox, shop: WebhookReceiver) -> None:
    shop.answers = [500, 404]
    with_webhooks.stripe().v1.customers.create()
    (delivery,) = all_deliveries(with_webhooks)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 3)
    assert len({event["id"] for event in shop.events()}) == 1


def test_stripe_stops_at_the_end_of_its_schedule(with_webhooks: RunningSandbox, shop: WebhookReceiver) -> None:
    shop.answers = [500] * 5
    with_webhooks.stripe().v1.customers.create()
    (delivery,) = all_deliveries(with_webhooks)
    assert (delivery["state"], delivery["attempts"], delivery["last_status"]) == ("failed", 3, 500)


def test_a_delivery_and_an_event_can_be_sent_again(with_webhooks: RunningSandbox, shop: WebhookReceiver) -> None:
    customer = with_webhooks.stripe().v1.customers.create()
    (delivery,) = all_deliveries(with_webhooks)
    with_webhooks.client().post(f"/sandbox/deliveries/{delivery['id']}/redeliver").raise_for_status()
    wait_for(lambda: len(shop.received) == 2)
    (event,) = with_webhooks.stripe().v1.events.list().data
    with_webhooks.client().post(f"/sandbox/stripe/events/{event.id}/redeliver").raise_for_status()
    wait_for(lambda: len(shop.received) == 3)
    assert {found["data"]["object"]["id"] for found in shop.events()} == {customer.id}


def test_brevo_sends_the_events_of_a_mail(with_webhooks: RunningSandbox, shop: WebhookReceiver) -> None:
    sent = with_webhooks.client(**{"api-key": "k"}).post("/brevo/v3/smtp/email", json=MAIL).json()
    wait_for(lambda: len(shop.received) == 2)
    assert {event["event"] for event in shop.events()} == {"request", "delivered"}
    headers, body = shop.received[0]
    assert headers["Authorization"] == "Bearer brevo-token"
    payload = json.loads(body)
    assert payload["message-id"] == sent["messageId"]
    assert (payload["email"], payload["tags"], payload["X-Mailin-custom"]) == (
        "ann@example.com",
        ["renewal"],
        "msg:1",
    )
    assert payload["ts_epoch"] // 1000 == payload["ts_event"]


@pytest.mark.parametrize(
    ("answers", "state", "attempts"),
    [
        ([429, 429], "delivered", 3),
        ([500], "lost", 1),
        ([404], "lost", 1),
        ([401], "lost", 1),
        ([429, 503], "lost", 2),
        ([429, 429, 429], "failed", 3),
    ],
)
def test_brevo_retries_only_after_a_429(
    with_webhooks: RunningSandbox, shop: WebhookReceiver, answers: list[int], state: str, attempts: int
) -> None:
    shop.answers = answers
    event = {"event": "unsubscribe", "email": "ann@example.com"}
    with_webhooks.client().post("/sandbox/brevo/marketing/events", json=event).raise_for_status()
    (delivery,) = all_deliveries(with_webhooks)
    assert (delivery["state"], delivery["attempts"]) == (state, attempts)


def test_brevo_retries_if_the_shop_cannot_be_reached() -> None:
    attempts: list[str] = []

    def send(url: str, _: Mapping[str, str], __: bytes, ___: float) -> int:
        attempts.append(url)
        if len(attempts) < 3:
            raise Unreachable("refused")
        return 200

    app = create_app(brevo_webhook_url="http://shop/", brevo_webhook_retries=(0.01, 0.01), send=send)
    app.webhooks.enqueue(provider="brevo", event_id="e", event_type="t", payload={})
    wait_for(app.webhooks.idle)
    assert (len(attempts), app.webhooks.listing()[0]["state"]) == (3, "delivered")
    app.close()


def test_an_sms_has_events_and_a_callback_url_of_its_own(with_webhooks: RunningSandbox, shop: WebhookReceiver) -> None:
    with_webhooks.client(**{"api-key": "k"}).post(
        "/brevo/v3/transactionalSMS/send",
        json={"sender": "Shop", "recipient": "4917012345678", "content": "Hi", "tag": "n:1", "webUrl": shop.url},
    ).raise_for_status()
    wait_for(lambda: len(shop.received) == 4)
    assert sorted(event["msg_status"] for event in shop.events()) == ["delivered", "delivered", "sent", "sent"]
    assert shop.events()[0]["tag"] == "n:1"
    assert "event" not in shop.events()[0]


def test_pending_deliveries_survive_a_restart(own_sandbox: Make, shop: WebhookReceiver, data_file: str) -> None:
    first = own_sandbox(data=data_file, stripe_webhook_url="http://127.0.0.1:1/", stripe_webhook_retries=(0.01,) * 3)
    first.client().put("/sandbox/faults", json=[{"kind": "webhook_delay", "min_ms": 300, "max_ms": 300}])
    customer = first.stripe().v1.customers.create()
    first.app.webhooks.close()
    first.app.store.execute("UPDATE deliveries SET url = ?, state = 'sending'", (shop.url,))
    second = own_sandbox(data=data_file)
    wait_for(lambda: shop.received)
    assert shop.events()[0]["data"]["object"]["id"] == customer.id
    assert second.stripe().v1.customers.retrieve(customer.id).id == customer.id
    assert second.client().get("/sandbox/faults").json()["data"][0]["kind"] == "webhook_delay"


def test_deliveries_are_duplicated_dropped_delayed_and_reordered(
    with_webhooks: RunningSandbox, shop: WebhookReceiver
) -> None:
    control = with_webhooks.client()
    control.put("/sandbox/faults", json=[{"kind": "webhook_duplicate", "provider": "stripe"}])
    with_webhooks.stripe().v1.customers.create()
    wait_for(lambda: len(shop.received) == 2)
    assert len({event["id"] for event in shop.events()}) == 1
    control.put("/sandbox/faults", json=[{"kind": "webhook_drop"}])
    with_webhooks.stripe().v1.customers.create()
    assert all_deliveries(with_webhooks)[-1]["state"] == "dropped"
    assert len(with_webhooks.stripe().v1.events.list().data) == 2
    control.put("/sandbox/faults", json=[{"kind": "webhook_delay", "min_ms": 150, "max_ms": 200, "times": 1}])
    delayed = with_webhooks.stripe().v1.customers.create()
    immediate = with_webhooks.stripe().v1.customers.create()
    wait_for(lambda: len(shop.received) == 4)
    assert [event["data"]["object"]["id"] for event in shop.events()[2:]] == [immediate.id, delayed.id]
    control.put("/sandbox/faults", json=[{"kind": "webhook_reorder", "window_ms": 200, "seed": 3}])
    made = [with_webhooks.stripe().v1.customers.create().id for _ in range(6)]
    wait_for(lambda: len(shop.received) == 10)
    received = [event["data"]["object"]["id"] for event in shop.events()[4:]]
    assert sorted(received) == sorted(made)
    assert received != made


def test_an_endpoint_receives_only_the_event_types_that_it_subscribes_to() -> None:
    sent: list[str] = []

    def send(_url: str, _headers: Mapping[str, str], body: bytes, _timeout: float) -> int:
        sent.append(json.loads(body)["type"])
        return 200

    sandbox = create_app(
        stripe_webhook_url="http://127.0.0.1:9/", stripe_webhook_events=("customer.created",), send=send
    )
    for kind in ("customer.created", "customer.updated"):
        sandbox.webhooks.enqueue(provider="stripe", event_id="evt_1", event_type=kind, payload={"type": kind})
    wait_for(sandbox.webhooks.idle)
    assert sent == ["customer.created"]
    assert sandbox.webhooks.count() == 1
    sandbox.close()
