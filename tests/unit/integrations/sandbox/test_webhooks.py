"""Delivery: signatures, retries in each provider's manner, durability, and the knobs that make a mess."""

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


def settled(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    """All deliveries, oldest first, once nothing is under way."""
    wait_for(sandbox.app.webhooks.idle)
    return sandbox.app.webhooks.listing()[::-1]


@pytest.fixture
def wired(own_sandbox: Make, shop: WebhookReceiver) -> RunningSandbox:
    return own_sandbox(
        stripe_webhook_url=shop.url,
        stripe_webhook_secret=WEBHOOK_SECRET,
        brevo_webhook_url=shop.url,
        brevo_webhook_token="brevo-token",
        stripe_webhook_retries=(0.02, 0.02),
        brevo_webhook_retries=(0.02, 0.02),
        webhook_timeout=2.0,
    )


def test_stripe_signs_what_it_sends(wired: RunningSandbox, shop: WebhookReceiver) -> None:
    customer = wired.stripe().v1.customers.create(params={"email": "ann@example.com"})
    ((headers, body),) = wait_for(lambda: shop.received)
    event = wired.stripe().construct_event(body, headers["Stripe-Signature"], WEBHOOK_SECRET)
    assert (event.type, event.data.object.id) == ("customer.created", customer.id)
    with pytest.raises(stripe.SignatureVerificationError):
        wired.stripe().construct_event(body, headers["Stripe-Signature"], "whsec_other")
    assert settled(wired)[0]["state"] == "delivered"


def test_stripe_retries_whatever_is_not_a_success(wired: RunningSandbox, shop: WebhookReceiver) -> None:
    shop.answers = [500, 404]
    wired.stripe().v1.customers.create()
    (delivery,) = settled(wired)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 3)
    assert len({event["id"] for event in shop.events()}) == 1


def test_stripe_gives_up_at_the_end_of_its_schedule(wired: RunningSandbox, shop: WebhookReceiver) -> None:
    shop.answers = [500] * 5
    wired.stripe().v1.customers.create()
    (delivery,) = settled(wired)
    assert (delivery["state"], delivery["attempts"], delivery["last_status"]) == ("failed", 3, 500)


def test_a_delivery_can_be_repeated_by_hand(wired: RunningSandbox, shop: WebhookReceiver) -> None:
    customer = wired.stripe().v1.customers.create()
    (delivery,) = settled(wired)
    wired.client().post(f"/sandbox/deliveries/{delivery['id']}/redeliver").raise_for_status()
    wait_for(lambda: len(shop.received) == 2)
    (event,) = wired.stripe().v1.events.list().data
    wired.client().post(f"/sandbox/stripe/events/{event.id}/redeliver").raise_for_status()
    wait_for(lambda: len(shop.received) == 3)
    assert {found["data"]["object"]["id"] for found in shop.events()} == {customer.id}


def test_brevo_tells_of_a_mail(wired: RunningSandbox, shop: WebhookReceiver) -> None:
    sent = wired.client(**{"api-key": "k"}).post("/brevo/v3/smtp/email", json=MAIL).json()
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
def test_brevo_retries_only_when_told_to_wait(
    wired: RunningSandbox, shop: WebhookReceiver, answers: list[int], state: str, attempts: int
) -> None:
    shop.answers = answers
    event = {"event": "unsubscribe", "email": "ann@example.com"}
    wired.client().post("/sandbox/brevo/marketing/events", json=event).raise_for_status()
    (delivery,) = settled(wired)
    assert (delivery["state"], delivery["attempts"]) == (state, attempts)


def test_brevo_retries_when_nobody_answers() -> None:
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


def test_sms_events_and_the_callback_of_one_message(wired: RunningSandbox, shop: WebhookReceiver) -> None:
    wired.client(**{"api-key": "k"}).post(
        "/brevo/v3/transactionalSMS/send",
        json={"sender": "Shop", "recipient": "4917012345678", "content": "Hi", "tag": "n:1", "webUrl": shop.url},
    ).raise_for_status()
    wait_for(lambda: len(shop.received) == 4)
    assert sorted(event["msg_status"] for event in shop.events()) == ["delivered", "delivered", "sent", "sent"]
    assert shop.events()[0]["tag"] == "n:1"
    assert "event" not in shop.events()[0]


def test_pending_deliveries_outlive_a_restart(own_sandbox: Make, shop: WebhookReceiver, data_file: str) -> None:
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


def test_knobs(wired: RunningSandbox, shop: WebhookReceiver) -> None:
    control = wired.client()
    control.put("/sandbox/faults", json=[{"kind": "webhook_duplicate", "provider": "stripe"}])
    wired.stripe().v1.customers.create()
    wait_for(lambda: len(shop.received) == 2)
    assert len({event["id"] for event in shop.events()}) == 1
    control.put("/sandbox/faults", json=[{"kind": "webhook_drop"}])
    wired.stripe().v1.customers.create()
    assert settled(wired)[-1]["state"] == "dropped"
    assert len(wired.stripe().v1.events.list().data) == 2
    control.put("/sandbox/faults", json=[{"kind": "webhook_delay", "min_ms": 150, "max_ms": 200, "times": 1}])
    late = wired.stripe().v1.customers.create()
    soon = wired.stripe().v1.customers.create()
    wait_for(lambda: len(shop.received) == 4)
    assert [event["data"]["object"]["id"] for event in shop.events()[2:]] == [soon.id, late.id]
    control.put("/sandbox/faults", json=[{"kind": "webhook_reorder", "window_ms": 200, "seed": 3}])
    made = [wired.stripe().v1.customers.create().id for _ in range(6)]
    wait_for(lambda: len(shop.received) == 10)
    came = [event["data"]["object"]["id"] for event in shop.events()[4:]]
    assert sorted(came) == sorted(made)
    assert came != made


def test_an_endpoint_hears_of_what_it_is_subscribed_to() -> None:
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
