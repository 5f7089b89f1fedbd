from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.utils import timezone

from integrations.errors import ProviderUnclear
from integrations.stripe import events
from integrations.stripe.event_types import HANDLED_EVENTS
from integrations.stripe.webhooks import event_in
from tests.support.sandboxes import StripeSandbox

HOUR = dt.timedelta(hours=1)


def intents(sandbox: StripeSandbox, number: int) -> list[str]:
    """Canceled intents, each with one event about it."""
    made = [sandbox.api("POST", "/v1/payment_intents", amount="100", currency="eur") for _ in range(number)]
    return [sandbox.api("POST", f"/v1/payment_intents/{one['id']}/cancel")["id"] for one in made]


def listed(**options: Any) -> list[Any]:
    now = timezone.now()
    return list(
        events.since(**{"created_from": now - HOUR, "created_until": now + HOUR, "types": HANDLED_EVENTS, **options})
    )


def test_events_on_several_pages_are_listed(stripe_sandbox: StripeSandbox) -> None:
    made = intents(stripe_sandbox, 230)

    found = listed()

    assert [event.payload["data"]["object"]["id"] for event in found] == made[::-1], "newest first, each once"
    assert {event.type for event in found} == {"payment_intent.canceled"}
    asked = stripe_sandbox.requests(method="GET", path="/v1/events")
    assert len(asked) == 3


def test_pages_are_loaded_lazily(stripe_sandbox: StripeSandbox) -> None:
    intents(stripe_sandbox, 150)
    found = events.since(created_from=timezone.now() - HOUR, created_until=timezone.now() + HOUR, types=HANDLED_EVENTS)
    for _ in range(100):
        next(found)
    assert len(stripe_sandbox.requests(method="GET", path="/v1/events")) == 1
    next(found)
    assert len(stripe_sandbox.requests(method="GET", path="/v1/events")) == 2


def test_events_of_other_types_and_times_are_left_out(stripe_sandbox: StripeSandbox) -> None:
    intents(stripe_sandbox, 1)
    assert "payment_intent.created" in {event["type"] for event in stripe_sandbox.objects("events")}
    assert [event.type for event in listed()] == ["payment_intent.canceled"]
    assert listed(types={"refund.created"}) == []
    made_at = dt.datetime.fromtimestamp(stripe_sandbox.objects("events")[0]["created"], dt.UTC)
    assert listed(created_until=made_at - dt.timedelta(seconds=1)) == []
    assert listed(created_from=made_at + dt.timedelta(seconds=2)) == []


def test_a_listed_event_equals_the_webhooks_event(stripe_sandbox: StripeSandbox) -> None:
    intents(stripe_sandbox, 1)
    [raw] = [event for event in stripe_sandbox.objects("events") if event["type"] == "payment_intent.canceled"]
    assert "client_secret" in json.dumps(raw)

    [found] = listed()

    assert found == event_in(raw)
    assert "client_secret" not in json.dumps(found.payload)


def test_characters_that_postgresql_rejects_are_replaced(stripe_sandbox: StripeSandbox) -> None:
    made = stripe_sandbox.api("POST", "/v1/payment_intents", amount="100", currency="eur", description="a\x00b")
    stripe_sandbox.api("POST", f"/v1/payment_intents/{made['id']}/cancel")
    assert listed()[0].payload["data"]["object"]["description"] == "ab"


def test_as_many_types_as_stripe_accepts_are_listed_and_no_more(stripe_sandbox: StripeSandbox) -> None:
    intents(stripe_sandbox, 1)
    types = ["payment_intent.canceled", *(f"type.{n}" for n in range(events.MAX_TYPES - 1))]
    assert [event.type for event in listed(types=types)] == ["payment_intent.canceled"]
    with pytest.raises(ValueError, match="at most 20"):
        listed(types=[f"type.{n}" for n in range(21)])


@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "error", "status": 500}, {"kind": "non_json"}])
def test_a_failure_of_the_list_is_a_provider_error(stripe_sandbox: StripeSandbox, fault: dict[str, Any]) -> None:
    stripe_sandbox.faults({"method": "GET", "path": "/v1/events", **fault})
    try:
        with pytest.raises(ProviderUnclear):
            listed()
    finally:
        stripe_sandbox.faults()
