from __future__ import annotations

import pytest

from charges.models import Charge, ChargeAttempt, SavedPaymentMethod
from charges.operations.payments import reading
from charges.operations.payments.new_payment_method import (
    NothingToPay,
    PaymentUnderWay,
    TooManyPaymentMethods,
    replace_payment_method,
)
from tests.support.days import Days
from tests.support.deliveries import capture
from tests.support.dunning import attempts_of, intent_statuses, reloaded, step_statuses
from tests.support.factories import (
    HARD,
    SCA,
    SOFT,
    charge_of,
    dunning_run_of,
    paid_before,
    place_order,
    unpaid,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_new_card_is_charged_at_once_and_takes_no_step(days: Days) -> None:
    order = unpaid(days, HARD)
    days.pass_(days=4)

    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    assert reloaded(order).status == "pending_payment"
    days.settle()

    assert attempts_of(order) == [("declined", 0), ("succeeded", 4)]
    assert step_statuses(order) == ["reminded", "dropped"]
    assert dunning_run_of(order).status == "recovered"
    assert reloaded(order).subscription.payment_method == "pm_card_visa"
    assert reloaded(order).subscription.status == "active"


def test_a_new_card_for_one_order_charges_that_order_only(days: Days) -> None:
    """N charges after a card was fixed: the classic."""
    first = unpaid(days, HARD)
    second = place_order(payment_method=HARD, customer=first.customer)
    capture(second, at=days.now)

    replace_payment_method(order_id=first.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()

    assert (intent_statuses(days, first), intent_statuses(days, second)) == (["succeeded"], ["requires_payment_method"])
    assert len(attempts_of(second)) == 1


def test_two_new_cards_at_once_make_one_payment(days: Days) -> None:
    order = unpaid(days, HARD)
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    with pytest.raises(PaymentUnderWay):
        replace_payment_method(order_id=order.pk, payment_method="pm_card_mastercard", at=days.now)
    days.settle()
    with pytest.raises(NothingToPay):
        replace_payment_method(order_id=order.pk, payment_method="pm_card_mastercard", at=days.now)
    assert intent_statuses(days, order) == ["succeeded"]


def test_a_card_unknown_to_stripe_is_not_our_fault(days: Days) -> None:
    order = unpaid(days, HARD)
    replace_payment_method(order_id=order.pk, payment_method="pm_nobody_has_this", at=days.now)
    days.settle()
    assert not days.dead
    assert (reloaded(order).status, attempts_of(order)[-1][0]) == ("payment_failed", "declined")
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()
    assert charge_of(order).status == "succeeded"


def test_our_own_fault_is_not_reported_as_a_bad_card(days: Days) -> None:
    order = place_order(payment_method="pm_card_chargeDeclined", amount=10)  # declined when attached: no intent yet
    capture(order, at=days.now)
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()
    last = ChargeAttempt.objects.filter(charge__order=order).latest("number")
    assert (last.status, last.code) == ("rejected", "amount_too_small")
    assert days.dead == [("charges.capture_payment", "InvalidRequest")]
    assert reloaded(order).status == "payment_failed", "it does not look to the customer as if it were under way"

    Charge.objects.filter(order=order).update(amount=1290)
    days.redeliver_everything()
    assert (charge_of(order).status, attempts_of(order)[-1][0]) == ("succeeded", "succeeded")


def test_a_declined_card_does_not_become_the_subscriptions_card(days: Days) -> None:
    order = unpaid(days, HARD)
    before = reloaded(order).subscription.payment_method
    replace_payment_method(order_id=order.pk, payment_method=SOFT, at=days.now)
    days.settle()
    assert reloaded(order).subscription.payment_method == before


def test_the_first_card_pays_while_a_new_one_waits_for_its_attempt(days: Days) -> None:
    order = unpaid(days, SCA)
    intent = charge_of(order).payment_intent_id
    before = reloaded(order).subscription.payment_method
    card = SavedPaymentMethod.objects.get(customer=order.customer, payment_method_id=SCA).stripe_id
    days.sandbox.api("POST", f"/v1/payment_intents/{intent}/confirm", payment_method=card)
    replace_payment_method(order_id=order.pk, payment_method=HARD, at=days.now)  # in another tab
    days.sandbox.authenticate(intent)  # and the bank's app says yes to the first
    days.settle()
    assert charge_of(order).status == "succeeded"
    assert reloaded(order).subscription.payment_method == before, "the other one has not paid"


def test_a_payment_in_the_browser_does_not_make_a_declined_card_the_subscriptions_card(days: Days) -> None:
    order = unpaid(days, HARD)
    before = reloaded(order).subscription.payment_method
    replace_payment_method(order_id=order.pk, payment_method=SOFT, at=days.now)
    days.settle()
    days.sandbox.confirm_in_browser(charge_of(order).payment_intent_id, "pm_card_visa")
    reading.read_payment_of(order_id=order.pk, at=days.now)
    assert charge_of(order).status == "succeeded"
    assert reloaded(order).subscription.payment_method == before


def test_the_number_of_new_cards_per_day_is_limited(days: Days) -> None:
    order = unpaid(days, HARD)
    for _ in range(5):
        replace_payment_method(order_id=order.pk, payment_method=HARD, at=days.now)
        days.settle()
        days.sleep(hours=1)
    with pytest.raises(TooManyPaymentMethods) as rejection:
        replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    assert rejection.value.wait == 19 * 3600
    days.sleep(hours=19)
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()
    assert reloaded(order).status in ("paid", "fulfilled")


def test_another_customers_card_is_not_charged(days: Days) -> None:
    other = paid_before(days)
    card = SavedPaymentMethod.objects.get(customer=other.customer).stripe_id
    order = unpaid(days, HARD)
    replace_payment_method(order_id=order.pk, payment_method=card, at=days.now)
    days.settle()
    assert not days.dead
    assert (reloaded(order).status, intent_statuses(days, order)) == ("payment_failed", ["requires_payment_method"])


def test_a_new_card_replaces_an_authentication(days: Days) -> None:
    order = unpaid(days, SCA)
    intent = next(one for one in days.sandbox.intents() if one["metadata"]["order"] == str(order.pk))
    card = SavedPaymentMethod.objects.get(customer=order.customer, payment_method_id=SCA).stripe_id
    # The customer has begun to authenticate, and then thinks better of it.
    days.sandbox.api("POST", f"/v1/payment_intents/{intent['id']}/confirm", payment_method=card)
    assert intent_statuses(days, order) == ["requires_action"]

    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()

    assert [status for status, _ in attempts_of(order)] == ["canceled", "succeeded"]
    assert intent_statuses(days, order) == ["succeeded"]
