"""The status of a customer's payment method as JSON."""

from __future__ import annotations

import pytest

from charges.api.me import OwnPaymentMethod
from charges.models import SavedPaymentMethod


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "pending"),
        ({"brand": "visa"}, "ready"),
        ({"failure_code": "do_not_honor"}, "failed"),
        ({"brand": "visa", "failure_code": "do_not_honor"}, "failed"),
    ],
)
def test_the_status_says_whether_it_can_be_charged(fields: dict[str, str], status: str) -> None:
    shown = OwnPaymentMethod(SavedPaymentMethod(**fields)).data
    assert shown["status"] == status
    assert "stripe_id" not in shown and "payment_method_id" not in shown
