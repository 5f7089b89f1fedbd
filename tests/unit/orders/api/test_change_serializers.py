"""Plan changes as JSON: the wish of the customer, and the lines of a quote."""

from __future__ import annotations

import pytest

from orders.api.change_serializers import QuoteInput, QuoteOutput
from orders.models import Quote
from orders.operations.plan_changes.quotes import Wish
from tests.support.plan_changes import PAYMENT, PERIOD_END


@pytest.mark.parametrize(
    ("data", "wish"),
    [
        ({}, Wish()),
        ({"plan": "large"}, Wish(plan="large")),
        ({"quantity": 3, "when": "now"}, Wish(quantity=3, when=PAYMENT)),
        ({"plan": "large", "quantity": 1, "when": "period_end"}, Wish(plan="large", quantity=1, when=PERIOD_END)),
    ],
)
def test_what_the_customer_asks_for(data: dict[str, object], wish: Wish) -> None:
    serializer = QuoteInput(data=data)
    serializer.is_valid(raise_exception=True)
    assert serializer.wish() == wish


def test_a_quote_shows_the_lines_that_its_order_will_have() -> None:
    quote = Quote(unused=-80000, debit=10000, balance=70000, begins_period=True)
    assert QuoteOutput().get_lines(quote) == [
        {"kind": "unused", "amount": -80000}, {"kind": "period", "amount": 10000}, {"kind": "balance", "amount": 70000},
    ]  # fmt: skip
    assert QuoteOutput().get_lines(Quote(unused=0, debit=500, balance=0)) == [{"kind": "debit", "amount": 500}]
