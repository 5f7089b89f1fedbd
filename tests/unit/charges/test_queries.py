"""The last decline is the bank's last no, whatever came after it."""

from __future__ import annotations

import pytest

from charges import queries
from charges.models import Charge
from tests.support.payments import NOW, place_order

pytestmark = pytest.mark.django_db


def charge_with(*attempts: tuple[str, str]) -> Charge:
    charge = Charge.objects.create(
        order=place_order(), payment_method="pm_1", status="failed", amount=1290, currency="EUR"
    )
    for number, (status, code) in enumerate(attempts, start=1):
        charge.attempts.create(
            number=number,
            idempotency_key=f"{charge.pk}:{number}",
            status=status,
            code=code,
            started_at=NOW,
            finished_at=None if status == "requires_action" else NOW,
        )
    return charge


@pytest.mark.parametrize(
    ("attempts", "code"),
    [
        ([], None),
        ([("refused", "resource_missing")], None),
        ([("requires_action", "")], None),
        ([("canceled", "")], None),
        ([("declined", "expired_card")], "expired_card"),
        ([("refused", "expired_card")], "expired_card"),
        ([("declined", "expired_card"), ("declined", "incorrect_cvc")], "incorrect_cvc"),
        ([("declined", "expired_card"), ("refused", "resource_missing")], "expired_card"),
        ([("declined", "expired_card"), ("requires_action", "authentication_required")], "expired_card"),
    ],
)
def test_the_last_decline(attempts: list[tuple[str, str]], code: str | None) -> None:
    found = queries.last_decline(order_id=charge_with(*attempts).order_id)
    assert (found and found.code) == code


def test_an_attempt_that_waits_for_the_customer_is_read_as_authentication_whatever_its_code() -> None:
    attempt = charge_with(("requires_action", "")).attempts.get()
    found = queries.reading(attempt=attempt)
    assert found is not None and (found.category, found.automatic_retry) == ("customer_action", False)
