"""An event about a dispute leads to its charge, even if the events of the payment come later."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from charges.models import Charge, Dispute
from charges.operations.stripe_events.disputes import DisputedBeforePaid, process_dispute_event
from charges.operations.stripe_events.objects import ChargeNotHereYet
from integrations.errors import ProviderUnclear
from tests.support.days import NOW
from tests.support.deliveries import capture, published
from tests.support.factories import SOFT, paid_charge, place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


def disputed(sandbox: StripeSandbox, charge: Charge) -> dict[str, Any]:
    """A new dispute about the payment, as an event shows it."""
    dispute_id = sandbox.dispute(str(charge.payment_intent_id))
    return sandbox.api("GET", f"/v1/disputes/{dispute_id}")


def process(event_object: dict[str, Any]) -> str:
    return process_dispute_event(event_object, at=NOW)


def test_a_dispute_about_our_payment_is_followed(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge()
    obj = disputed(stripe_sandbox, charge)
    assert process(obj) == process(obj) == f"dispute {obj['status']}"
    assert (Dispute.objects.get().charge, Dispute.objects.get().stripe_id) == (charge, obj["id"])


def test_without_an_intent_the_charge_is_found_by_stripes_id(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge()
    obj = {**disputed(stripe_sandbox, charge), "payment_intent": None}
    assert obj["charge"] == charge.stripe_charge_id != ""
    assert process(obj).startswith("dispute ")
    assert Dispute.objects.get().charge == charge


@pytest.mark.parametrize("about", [{"charge": "ch_unknown"}, {"charge": None}, {"charge": ["ch_1"]}, {}], ids=str)
def test_a_dispute_about_a_foreign_payment_is_ignored(db: None, about: dict[str, Any]) -> None:
    place_order()
    assert process({"id": "du_1", "payment_intent": None, **about}).startswith("ignored")


def intent_elsewhere(sandbox: StripeSandbox, **metadata: str) -> str:
    """A payment that was not made by the shop."""
    form = {f"metadata[{name}]": value for name, value in metadata.items()}
    return str(sandbox.api("POST", "/v1/payment_intents", amount="100", currency="eur", **form)["id"])


def test_a_foreign_payment_is_recognized_by_its_metadata(stripe_sandbox: StripeSandbox) -> None:
    foreign = {"id": "du_1", "payment_intent": intent_elsewhere(stripe_sandbox)}
    assert process(foreign).startswith("ignored")
    early = {"id": "du_1", "payment_intent": intent_elsewhere(stripe_sandbox, charge=str(uuid4()))}
    with pytest.raises(ChargeNotHereYet):
        process(early)
    assert not Dispute.objects.exists()


def test_a_payment_whose_success_was_not_heard_of_is_settled_first(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect", "times": 1})
    order = place_order()
    with pytest.raises(ProviderUnclear):
        capture(order)
    charge = Charge.objects.get()
    assert charge.status == "pending"
    assert process(disputed(stripe_sandbox, charge)).startswith("dispute ")
    charge.refresh_from_db()
    assert (charge.status, published()["OrderPaid"]) == ("succeeded", 1)


def test_a_dispute_about_a_payment_that_did_not_succeed_comes_again_later(stripe_sandbox: StripeSandbox) -> None:
    capture(place_order(payment_method=SOFT))
    charge = Charge.objects.get()
    with pytest.raises(DisputedBeforePaid):
        process({"id": "du_1", "payment_intent": charge.payment_intent_id, "charge": "ch_1"})
    assert not Dispute.objects.exists()
