"""Which attempt the state of an intent belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from charges.models import Charge, SavedPaymentMethod
from charges.operations.payments import intent_history
from integrations.stripe.results import Decline, PaymentIntent
from tests.support.days import NOW
from tests.support.factories import make_attempt, make_charge

pytestmark = pytest.mark.django_db

BANK = Decline(code="card_declined", decline_code="insufficient_funds", stripe_charge_id="ch_2")
NO_CHARGE = Decline(code="card_declined", decline_code="insufficient_funds")


@pytest.fixture
def charge() -> Charge:
    """A pending charge whose payment method Stripe knows as ``pm_own``."""
    charge = make_charge()
    save(charge, charge.payment_method, "pm_own")
    return charge


def save(charge: Charge, payment_method: str, stripe_id: str) -> None:
    SavedPaymentMethod.objects.create(
        customer=charge.order.customer, payment_method_id=payment_method, stripe_id=stripe_id
    )


def intent(**fields: Any) -> PaymentIntent:
    values = {"id": "pi_1", "status": "requires_payment_method", "amount": 1290, "currency": "EUR", **fields}
    return PaymentIntent(**values)


def is_new(charge: Charge, decline: Decline = BANK, *, card: str = "pm_own") -> bool:
    return intent_history.is_new_decline(
        charge=charge, intent=intent(decline=decline, declined_payment_method_id=card), decline=decline
    )


class TestIsNewDecline:
    def test_the_answer_to_the_confirmed_open_attempt(self, charge: Charge) -> None:
        make_attempt(charge, confirmed_at=NOW)
        assert is_new(charge)

    def test_an_attempt_that_was_never_confirmed_has_no_answer(self, charge: Charge) -> None:
        make_attempt(charge, confirmed_at=None)
        assert not is_new(charge)

    @pytest.mark.parametrize("status", ["failed", "canceled"])
    def test_a_closed_charge_expects_no_answer(self, charge: Charge, status: str) -> None:
        charge.status = status
        assert not is_new(charge)

    def test_a_decline_of_an_earlier_attempt_is_known_by_its_charge_at_stripe(self, charge: Charge) -> None:
        make_attempt(charge, status="declined", stripe_charge_id="ch_2")
        make_attempt(charge, confirmed_at=NOW)
        assert not is_new(charge)
        assert is_new(charge, Decline(code=BANK.code, decline_code=BANK.decline_code, stripe_charge_id="ch_3"))

    def test_without_such_a_charge_an_equal_earlier_decline_cannot_be_distinguished(self, charge: Charge) -> None:
        make_attempt(charge, status="declined", code=NO_CHARGE.code, decline_code=NO_CHARGE.decline_code)
        make_attempt(charge, confirmed_at=NOW)
        assert not is_new(charge, NO_CHARGE)
        assert is_new(charge, Decline(code="card_declined", decline_code="lost_card"))

    def test_an_attempt_that_waits_for_the_customer_is_compared_with_itself_only(self, charge: Charge) -> None:
        codes = {"code": NO_CHARGE.code, "decline_code": NO_CHARGE.decline_code}
        make_attempt(charge, status="declined", **codes)
        waiting = make_attempt(charge, status="requires_action", confirmed_at=NOW)
        charge.status = "requires_action"
        assert is_new(charge, NO_CHARGE)
        type(waiting).objects.filter(pk=waiting.pk).update(**codes)
        assert not is_new(charge, NO_CHARGE)

    def test_a_decline_of_a_replaced_card_is_ignored(self, charge: Charge) -> None:
        make_attempt(charge, confirmed_at=NOW)
        assert not is_new(charge, card="pm_replaced")


class TestIsAboutReplacedPaymentMethod:
    def about(self, charge: Charge, payment_method_id: str) -> bool:
        return intent_history.is_about_replaced_payment_method(charge=charge, payment_method_id=payment_method_id)

    def test_the_card_of_the_open_attempt_is_not_replaced_and_others_are(self, charge: Charge) -> None:
        make_attempt(charge)
        assert not self.about(charge, "pm_own")
        assert self.about(charge, "pm_other")

    def test_an_intent_without_a_card_says_nothing(self, charge: Charge) -> None:
        make_attempt(charge)
        assert not self.about(charge, "")

    def test_without_an_open_attempt_or_after_its_answer_nothing_is_replaced(self, charge: Charge) -> None:
        assert not self.about(charge, "pm_other")
        make_attempt(charge, status="requires_action")
        charge.status = "requires_action"
        assert not self.about(charge, "pm_other")


def test_a_payment_is_by_the_own_card_only_if_the_same_customer_saved_it(charge: Charge) -> None:
    save(charge, "pm_other_card", "pm_other")
    save(make_charge(), charge.payment_method, "pm_of_another_customer")
    paid_by = {
        card: intent_history.was_paid_with_own_payment_method(charge=charge, intent=intent(payment_method_id=card))
        for card in ("pm_own", "pm_other", "pm_of_another_customer", "")
    }
    assert paid_by == {"pm_own": True, "pm_other": False, "pm_of_another_customer": False, "": False}
