from __future__ import annotations

import pytest

from notifications import queries
from tests.support.factories import make_order
from tests.support.message_facts import attempt_at, charge_for, dunning_run

pytestmark = pytest.mark.django_db


def test_the_last_decline_says_why_the_order_is_unpaid():
    order = make_order(status="payment_failed")
    charge = charge_for(order)
    assert str(queries.why_unpaid(order=order)).startswith("Your bank did not approve the payment.")
    attempt_at(charge, 1, code="insufficient_funds")
    attempt_at(charge, 2, code="expired_card")
    assert str(queries.why_unpaid(order=order)).startswith("The card has expired.")


def test_an_order_has_at_most_one_dunning_run():
    order = make_order(status="payment_failed")
    assert queries.dunning_of(order=order) is None
    run = dunning_run(order)
    assert queries.dunning_of(order=order) == run
