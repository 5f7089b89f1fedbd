from __future__ import annotations

import pytest

from integrations.stripe import disputes
from integrations.stripe.errors import InvalidRequest
from tests.support.factories import paid_charge
from tests.support.sandboxes import StripeSandbox


@pytest.mark.django_db(transaction=True)
def test_a_dispute_is_read_as_it_is_now(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge()
    dispute_id = stripe_sandbox.dispute(charge.payment_intent_id)
    before = disputes.retrieve(dispute_id=dispute_id)
    assert (before.id, before.amount, before.currency) == (dispute_id, 1290, "EUR")
    assert (before.payment_intent_id, before.is_inquiry, before.funds) == (charge.payment_intent_id, False, "withdrawn")

    stripe_sandbox.move_dispute(dispute_id, "closed", status="won")
    after = disputes.retrieve(dispute_id=dispute_id)
    assert (before.status, after.status) == ("needs_response", "won")


def test_an_unknown_dispute_is_an_invalid_request(stripe_sandbox: StripeSandbox) -> None:
    with pytest.raises(InvalidRequest) as caught:
        disputes.retrieve(dispute_id="du_unknown")
    assert caught.value.code == "resource_missing"
