"""A worker dies at any moment of a capture; the message comes again; the card is charged once."""

from __future__ import annotations

from typing import Any

import pytest

from charges.models import Charge
from integrations.stripe import customers, payment_intents, payment_methods
from orders.models import Order
from tests.support.concurrency import Died, Moment, Moments, dying
from tests.support.deliveries import capture, capture_by_ladder, published
from tests.support.factories import place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

CALLS = [(customers, "create"), (payment_methods, "attach"), (payment_intents, "create"), (payment_intents, "confirm")]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("module", "name"), CALLS, ids=["customer", "attach", "create", "confirm"])
def test_killed_around_a_call(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, after: bool
) -> None:
    order = place_order()
    with monkeypatch.context() as patched:
        patched.setattr(module, name, dying(getattr(module, name), after=after))
        with pytest.raises(Died):
            capture(order)

    assert capture_by_ladder(order) == []

    assert stripe_sandbox.statuses() == ["succeeded"]
    assert [charge["status"] for charge in stripe_sandbox.objects("charges")] == ["succeeded"]
    assert len(stripe_sandbox.objects("customers")) == 1
    order.refresh_from_db()
    assert (order.status, published()) == ("paid", {"OrderPaid": 1})


OUTCOMES = {
    "pm_card_visa": ("paid", "OrderPaid"),
    "pm_card_chargeCustomerFail_lost_card": ("payment_failed", "PaymentFailed"),
    "pm_card_authenticationRequired": ("requires_action", "PaymentActionRequired"),
    "pm_card_chargeDeclined": ("payment_failed", "PaymentFailed"),
}


@pytest.mark.parametrize("card", OUTCOMES)
def test_killed_at_every_moment(stripe_sandbox: StripeSandbox, card: str) -> None:
    status, event = OUTCOMES[card]
    moments = moments_of_a_capture(card)
    assert len(moments) >= 13

    for moment in moments:
        order = place_order(payment_method=card)
        with pytest.raises(Died), Moments(die_at=moment):
            capture(order)

        assert capture_by_ladder(order) == [], moment

        assert Order.objects.get(pk=order.pk).status == status, moment
        assert not Charge.objects.get(order=order).attempts.filter(status="started").exists(), moment

    intents = stripe_sandbox.intents()
    charges_of_intents = [intent["metadata"]["charge"] for intent in intents]
    assert len(set(charges_of_intents)) == len(intents), "never two intents for a charge"
    succeeded = [intent for intent in intents if intent["status"] == "succeeded"]
    deaths = len(moments) + 1
    assert len(succeeded) == (deaths if status == "paid" else 0)
    assert len(stripe_sandbox.objects("charges")) == (0 if card == "pm_card_chargeDeclined" else deaths)
    assert published() == {event: deaths}


def moments_of_a_capture(card: str) -> list[Moment]:
    moments = Moments()
    with moments:
        capture(place_order(payment_method=card))
    return moments.seen
