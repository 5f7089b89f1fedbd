"""Another card for an unpaid order, while the outcome of the first card arrives late and in any order."""

from __future__ import annotations

from typing import Any

import pytest

from charges.models import SavedPaymentMethod
from charges.operations.payments import reading
from charges.operations.payments.new_payment_method import replace_payment_method
from tests.support.days import Days
from tests.support.dunning import attempts_of, intent_statuses, reloaded
from tests.support.factories import HARD, SCA, charge_of, unpaid

pytestmark = pytest.mark.django_db(transaction=True)


def confirm_in_browser(days: Days, order: Any, card: str) -> str:
    """The customer pays in the browser with the saved card. Returns the intent's id."""
    intent_id = str(charge_of(order).payment_intent_id)
    stripe_id = SavedPaymentMethod.objects.get(customer=order.customer, payment_method_id=card).stripe_id
    days.sandbox.http.post(
        f"/stripe/v1/payment_intents/{intent_id}/confirm",
        data={"payment_method": stripe_id},
        headers={"Authorization": "Bearer sk_test_sandbox"},
    )
    return intent_id


def test_a_late_outcome_of_the_first_card_does_not_replace_the_attempt_with_the_new_one(days: Days) -> None:
    order = unpaid(days, SCA)
    confirm_in_browser(days, order, SCA)
    assert intent_statuses(days, order) == ["requires_action"]
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)

    reading.read_payment_of(order_id=order.pk, at=days.now)
    assert charge_of(order).status == "pending"
    days.settle()

    assert intent_statuses(days, order) == ["succeeded"]
    assert [status for status, _ in attempts_of(order)] == ["canceled", "succeeded"]


def test_a_failed_authentication_of_the_first_card_does_not_replace_the_attempt_with_the_new_one(days: Days) -> None:
    order = unpaid(days, SCA)
    intent_id = confirm_in_browser(days, order, SCA)
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)

    days.sandbox.authenticate(intent_id, "fail")
    days.settle()

    assert intent_statuses(days, order) == ["succeeded"]


def test_a_failure_in_the_browser_is_not_the_outcome_of_the_new_card(days: Days) -> None:
    order = unpaid(days, HARD)
    confirm_in_browser(days, order, HARD)
    reading.read_payment_of(order_id=order.pk, at=days.now)

    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()

    assert [status for status, _ in attempts_of(order)] == ["declined", "succeeded"]
    assert intent_statuses(days, order) == ["succeeded"]


def test_a_second_failed_authentication_is_settled_as_well(days: Days) -> None:
    order = unpaid(days, SCA)
    for _ in range(2):
        assert reloaded(order).status == "requires_action"
        days.sandbox.authenticate(confirm_in_browser(days, order, SCA), "fail")
        reading.read_payment_of(order_id=order.pk, at=days.now)
        assert (reloaded(order).status, charge_of(order).status) == ("payment_failed", "failed")
        replace_payment_method(order_id=order.pk, payment_method=SCA, at=days.now)
        days.settle()
