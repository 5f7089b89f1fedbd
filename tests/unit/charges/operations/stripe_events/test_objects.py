from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from charges.operations.stripe_events.objects import ChargeNotHereYet, charge_of_intent, object_of
from integrations.errors import MalformedMessage, TransientError
from integrations.inbox.models import WebhookEvent
from tests.support.factories import make_charge


def event(payload: Any) -> WebhookEvent:
    return WebhookEvent(provider="stripe", event_id="evt_1", type="charge.refunded", payload=payload)


def test_the_object_of_an_event() -> None:
    assert object_of(event({"data": {"object": {"id": "re_1", "amount": 5}}})) == {"id": "re_1", "amount": 5}


@pytest.mark.parametrize(
    "payload",
    [
        {},
        [],
        None,
        "text",
        {"data": None},
        {"data": {"object": None}},
        {"data": {"object": {}}},
        {"data": {"object": {"id": 5}}},
        {"data": {"object": ["id"]}},
    ],
    ids=str,
)
def test_an_event_without_an_object_with_an_id_is_malformed(payload: Any) -> None:
    with pytest.raises(MalformedMessage, match="evt_1"):
        object_of(event(payload))


def test_the_charge_that_has_saved_the_intent_counts_before_the_metadata(db: None) -> None:
    charge, other = make_charge(payment_intent_id="pi_1"), make_charge()
    assert charge_of_intent(intent_id="pi_1", metadata={"charge": str(other.pk)}) == charge
    assert charge_of_intent(intent_id="pi_2", metadata={"charge": str(other.pk)}) == other


@pytest.mark.parametrize("metadata", [{}, None, [], "text", {"charge": None}, {"charge": "x"}, {"order": "1"}], ids=str)
def test_an_intent_whose_metadata_names_no_charge_is_not_ours(db: None, metadata: Any) -> None:
    make_charge()
    assert charge_of_intent(intent_id="pi_2", metadata=metadata) is None


def test_a_charge_that_is_named_and_not_here_may_come_later(db: None) -> None:
    with pytest.raises(ChargeNotHereYet) as caught:
        charge_of_intent(intent_id="pi_1", metadata={"charge": str(uuid4())})
    assert isinstance(caught.value, TransientError)
