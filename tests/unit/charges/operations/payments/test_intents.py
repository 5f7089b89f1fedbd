"""A charge has one intent at Stripe, even if the response to its creation was lost."""

from __future__ import annotations

import datetime as dt
import logging

import pytest

from charges.models import Charge
from charges.operations.payments.intents import ensure_intent
from charges.operations.remote_objects import KEY_LIFE
from integrations.errors import ProviderUnclear
from tests.support.days import NOW
from tests.support.factories import make_charge
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

AFTER_KEY = NOW + 2 * KEY_LIFE


@pytest.fixture
def customer(stripe_sandbox: StripeSandbox) -> str:
    return str(stripe_sandbox.api("POST", "/v1/customers")["id"])


@pytest.fixture
def card(stripe_sandbox: StripeSandbox, customer: str) -> str:
    return str(stripe_sandbox.api("POST", "/v1/payment_methods/pm_card_visa/attach", customer=customer)["id"])


def ensure(charge: Charge, customer: str, card: str, *, at: dt.datetime = NOW) -> str:
    charge = Charge.objects.get(pk=charge.pk)
    return ensure_intent(charge=charge, stripe_customer_id=customer, payment_method_id=card, at=at)


def create_elsewhere(sandbox: StripeSandbox, charge: Charge, customer: str, card: str) -> str:
    """An intent for the charge that the shop does not know, as after a lost response."""
    fields = {"amount": "1290", "currency": "eur", "customer": customer, "payment_method": card}
    fields["allowed_payment_method_types[]"] = "card"
    return str(sandbox.api("POST", "/v1/payment_intents", **fields, **{"metadata[charge]": str(charge.pk)})["id"])


def test_the_intent_is_created_unconfirmed_with_the_data_of_the_charge(
    stripe_sandbox: StripeSandbox, customer: str, card: str
) -> None:
    charge = make_charge()
    intent_id = ensure(charge, customer, card)
    [intent] = stripe_sandbox.intents()
    assert (intent["id"], intent["status"]) == (intent_id, "requires_confirmation")
    assert (intent["amount"], intent["currency"], intent["customer"]) == (1290, "eur", customer)
    assert intent["metadata"] == {"charge": str(charge.pk), "order": str(charge.order_id)}
    assert Charge.objects.get().payment_intent_id == intent_id
    assert ensure(charge, customer, card) == intent_id
    assert len(stripe_sandbox.requests(path="/v1/payment_intents")) == 1


def test_a_lost_response_is_repeated_under_the_same_key(
    stripe_sandbox: StripeSandbox, customer: str, card: str
) -> None:
    charge = make_charge()
    stripe_sandbox.faults({"path": "/v1/payment_intents", "kind": "drop_after_effect", "times": 1})
    with pytest.raises(ProviderUnclear):
        ensure(charge, customer, card)
    assert ensure(charge, customer, card) == stripe_sandbox.intents()[0]["id"]
    assert len(stripe_sandbox.intents()) == 1


def request_creation(charge: Charge) -> None:
    """As after a request whose response was lost longer ago than Stripe remembers its key."""
    Charge.objects.filter(pk=charge.pk).update(creation_requested_at=NOW)


def test_after_the_life_of_the_key_the_intent_is_found_by_its_metadata(
    stripe_sandbox: StripeSandbox, customer: str, card: str
) -> None:
    charge, other = make_charge(), make_charge()
    create_elsewhere(stripe_sandbox, other, customer, card)
    own = create_elsewhere(stripe_sandbox, charge, customer, card)
    request_creation(charge)
    assert ensure(charge, customer, card, at=AFTER_KEY) == own
    assert len(stripe_sandbox.intents()) == 2


def test_a_canceled_intent_is_not_taken_for_the_charges_own(
    stripe_sandbox: StripeSandbox, customer: str, card: str
) -> None:
    charge = make_charge()
    canceled = create_elsewhere(stripe_sandbox, charge, customer, card)
    stripe_sandbox.api("POST", f"/v1/payment_intents/{canceled}/cancel")
    request_creation(charge)
    assert ensure(charge, customer, card, at=AFTER_KEY) != canceled
    assert stripe_sandbox.statuses() == ["canceled", "requires_confirmation"]


@pytest.mark.parametrize("paid", [False, True], ids=["none is paid", "the newer one is paid"])
def test_of_two_intents_the_paid_or_else_the_older_one_stays(
    stripe_sandbox: StripeSandbox, customer: str, card: str, paid: bool, caplog: pytest.LogCaptureFixture
) -> None:
    charge = make_charge()
    older = create_elsewhere(stripe_sandbox, charge, customer, card)
    newer = create_elsewhere(stripe_sandbox, charge, customer, card)
    if paid:
        stripe_sandbox.api("POST", f"/v1/payment_intents/{newer}/confirm")
    request_creation(charge)
    assert ensure(charge, customer, card, at=AFTER_KEY) == (newer if paid else older)
    assert stripe_sandbox.statuses() == ["canceled", "succeeded" if paid else "requires_confirmation"]
    assert [record.levelno for record in caplog.records if record.name == "charges.operations.payments.intents"] == [
        logging.ERROR
    ]


def test_two_paid_intents_are_reported_and_the_older_one_stays(
    stripe_sandbox: StripeSandbox, customer: str, card: str, caplog: pytest.LogCaptureFixture
) -> None:
    charge = make_charge()
    older, newer = (create_elsewhere(stripe_sandbox, charge, customer, card) for _ in range(2))
    for intent_id in (older, newer):
        stripe_sandbox.api("POST", f"/v1/payment_intents/{intent_id}/confirm")
    request_creation(charge)
    assert ensure(charge, customer, card, at=AFTER_KEY) == older
    assert stripe_sandbox.statuses() == ["succeeded", "succeeded"]
    assert newer in caplog.text
