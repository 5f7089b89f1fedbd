from __future__ import annotations

import pytest

from charges.operations.reconciliation.differences import described, state_of
from integrations.stripe.listings import Listed
from tests.support.days import NOW


@pytest.mark.parametrize(
    ("amount", "currency", "text"), [(1290, "EUR", "paid 12.90 EUR"), (1290, "JPY", "paid 1,290 JPY")]
)
def test_a_state_is_described_with_its_amount_as_people_read_it(amount: int, currency: str, text: str) -> None:
    assert described(amount, currency, "paid") == text
    listed = Listed(
        kind="intent",
        id="pi_1",
        made_at=NOW,
        status="paid",
        amount=amount,
        currency=currency,
        payment_intent_id="pi_1",
        stripe_charge_id="",
    )
    assert state_of(listed) == text
