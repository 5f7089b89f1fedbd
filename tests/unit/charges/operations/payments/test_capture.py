"""The plain outcomes of a capture, at the far end: what Stripe has, what our rows say, and who hears of it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.utils import timezone

from charges.models import Charge, ChargeAttempt, SavedPaymentMethod, StripeCustomer
from charges.operations.payments.new_payment_method import replace_payment_method
from charges.operations.payments.payment_methods import CustomerWasDeleted, forget_if_deleted
from integrations.errors import ProviderUnclear
from integrations.stripe.errors import InvalidRequest
from orders.queries import OrderNotFound
from tests.support.days import NOW
from tests.support.deliveries import by_ladder, capture, published
from tests.support.factories import charge_of, dunning_run_of, place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


def only_attempt(order) -> ChargeAttempt:
    return ChargeAttempt.objects.get(charge__order=order)


def test_a_success_changes_charge_order_and_subscription(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(amount=1290, currency="EUR")

    capture(order)

    [intent] = stripe_sandbox.intents()
    assert (intent["status"], intent["amount"], intent["currency"]) == ("succeeded", 1290, "eur")
    charge = Charge.objects.get(order=order)
    assert intent["metadata"] == {"charge": str(charge.pk), "order": str(order.pk)}
    assert (charge.status, charge.payment_intent_id, charge.succeeded_at) == ("succeeded", intent["id"], NOW)
    assert charge.stripe_charge_id == intent["latest_charge"]
    assert only_attempt(order).status == "succeeded"
    order.refresh_from_db()
    assert (order.status, order.subscription.status) == ("paid", "active")
    assert published() == {"OrderPaid": 1}


def test_money_moves_only_by_a_confirmation_of_a_committed_intent(stripe_sandbox: StripeSandbox) -> None:
    order = place_order()

    capture(order)

    charge = Charge.objects.get(order=order)
    keys = [request["idempotency_key"] for request in stripe_sandbox.requests()]
    assert keys == [
        f"customer:{StripeCustomer.objects.get().pk}",
        f"payment_method:{SavedPaymentMethod.objects.get().pk}:attach",
        f"charge:{charge.pk}:intent",
        f"charge:{charge.pk}:confirm:1",
    ]


def test_a_second_delivery_sends_no_request(stripe_sandbox: StripeSandbox) -> None:
    order = place_order()
    capture(order)
    asked = len(stripe_sandbox.requests()) + len(stripe_sandbox.requests(method="GET"))

    capture(order)

    assert len(stripe_sandbox.requests()) + len(stripe_sandbox.requests(method="GET")) == asked
    assert published() == {"OrderPaid": 1}


def test_a_returning_customer_and_card_are_created_once(stripe_sandbox: StripeSandbox) -> None:
    first = place_order()
    second = place_order(customer=first.customer)

    capture(first)
    capture(second)

    assert len(stripe_sandbox.objects("customers")) == 1
    assert len(stripe_sandbox.requests(path="/attach")) == 1
    assert stripe_sandbox.statuses() == ["succeeded", "succeeded"]


@pytest.mark.parametrize(
    ("card", "decline_code", "advice_code"),
    [
        ("pm_card_visa_chargeCustomerFail", "generic_decline", "try_again_later"),
        ("pm_card_chargeCustomerFail_insufficient_funds", "insufficient_funds", "try_again_later"),
        ("pm_card_chargeCustomerFail_lost_card", "lost_card", "do_not_try_again"),
        ("pm_card_chargeCustomerFail_fraudulent", "fraudulent", ""),
        ("pm_card_chargeCustomerFail_expired_card", "expired_card", "confirm_card_data"),
    ],
)
def test_a_decline_is_an_outcome(stripe_sandbox: StripeSandbox, card: str, decline_code: str, advice_code: str) -> None:
    order = place_order(payment_method=card)

    capture(order)

    attempt = only_attempt(order)
    assert (attempt.status, attempt.decline_code, attempt.advice_code) == ("declined", decline_code, advice_code)
    assert attempt.stripe_charge_id == stripe_sandbox.intents()[0]["latest_charge"]
    assert Charge.objects.get().status == "failed"
    order.refresh_from_db()
    assert (order.status, order.subscription.status) == ("payment_failed", "incomplete")
    assert published() == {"PaymentFailed": 1}

    capture(order)  # the message comes again: dunning decides about another try, not the ladder

    assert len(stripe_sandbox.requests(path="/confirm")) == 1
    assert published() == {"PaymentFailed": 1}


def test_network_advice_is_kept(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(payment_method="pm_card_chargeCustomerFail_stolen_card")

    capture(order)

    attempt = only_attempt(order)
    assert (attempt.network_advice_code, attempt.network_decline_code) == ("03", "43")


def test_a_card_declined_when_attached_is_a_decline(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(payment_method="pm_card_visa_chargeDeclinedInsufficientFunds")

    capture(order)

    assert stripe_sandbox.intents() == []
    assert (only_attempt(order).status, only_attempt(order).decline_code) == ("declined", "insufficient_funds")
    order.refresh_from_db()
    assert order.status == "payment_failed"
    assert published() == {"PaymentFailed": 1}


@pytest.mark.parametrize("card", ["pm_card_authenticationRequired", "pm_card_authenticationRequiredOnSetup"])
def test_authentication_required_waits_for_the_customer(stripe_sandbox: StripeSandbox, card: str) -> None:
    order = place_order(payment_method=card)

    capture(order)
    capture(order)

    assert (only_attempt(order).status, only_attempt(order).code) == ("requires_action", "authentication_required")
    assert only_attempt(order).finished_at is None
    assert Charge.objects.get().status == "requires_action"
    order.refresh_from_db()
    assert order.status == "requires_action"
    assert published() == {"PaymentActionRequired": 1}
    assert len(stripe_sandbox.requests(path="/confirm")) == 1


def test_a_card_that_does_not_exist_waits_for_another(
    stripe_sandbox: StripeSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    assert_waits_for_another_card(place_order(payment_method="pm_missing"))
    [error] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "unusable (resource_missing)" in error and "publishable key" in error


def test_a_card_that_was_given_under_another_address_waits_for_another(stripe_sandbox: StripeSandbox) -> None:
    capture(place_order())
    assert_waits_for_another_card(place_order(payment_method=SavedPaymentMethod.objects.get().stripe_id))


def test_a_card_that_was_detached_at_stripe_waits_for_another(stripe_sandbox: StripeSandbox) -> None:
    first = place_order()
    capture(first)
    stripe_sandbox.api("POST", f"/v1/payment_methods/{SavedPaymentMethod.objects.get().stripe_id}/detach")
    assert_waits_for_another_card(place_order(customer=first.customer))


def test_an_unknown_card_after_a_lost_response_waits_for_another(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(payment_method="pm_missing")
    stripe_sandbox.faults({"path": "/v1/payment_methods/*/attach", "kind": "error", "status": 500, "times": 1})
    with pytest.raises(ProviderUnclear):
        capture(order)
    assert_waits_for_another_card(order)


def delete_customer(stripe_sandbox: StripeSandbox, order: Any) -> str:
    deleted = str(StripeCustomer.objects.get(customer=order.customer).stripe_id)
    stripe_sandbox.api("DELETE", f"/v1/customers/{deleted}")
    return deleted


def own_card(stripe_sandbox: StripeSandbox) -> str:
    """A card as a browser makes it, which can be attached once only."""
    return str(stripe_sandbox.api("POST", "/v1/payment_methods", type="card", **{"card[token]": "tok_visa"})["id"])


def test_a_customer_deleted_at_stripe_is_created_again(stripe_sandbox: StripeSandbox) -> None:
    first = place_order()
    capture(first)
    deleted = delete_customer(stripe_sandbox, first)
    order = place_order(customer=first.customer)

    assert by_ladder(lambda: capture(order)) == ["CustomerWasDeleted"]

    order.refresh_from_db()
    assert (order.status, only_attempt(order).status) == ("paid", "succeeded")
    made = StripeCustomer.objects.get(customer=first.customer).stripe_id
    assert made != deleted

    # Another delivery had met the deleted one as well, and says so late.
    with pytest.raises(CustomerWasDeleted), forget_if_deleted(customer=first.customer, stripe_customer_id=deleted):
        raise InvalidRequest("No such customer.", code="resource_missing", param="customer")
    assert StripeCustomer.objects.get(customer=first.customer).stripe_id == made


def test_a_card_that_went_with_its_deleted_customer_waits_for_another(stripe_sandbox: StripeSandbox) -> None:
    first = place_order(payment_method=own_card(stripe_sandbox))
    capture(first)
    delete_customer(stripe_sandbox, first)
    order = place_order(customer=first.customer, payment_method=first.payment_method)
    with pytest.raises(CustomerWasDeleted):
        capture(order)
    assert_waits_for_another_card(order)

    replace_payment_method(order_id=order.pk, payment_method=own_card(stripe_sandbox), at=NOW)
    capture(order)

    order.refresh_from_db()
    assert order.status == "paid"


def test_a_first_card_of_a_customer_who_was_deleted_meanwhile(stripe_sandbox: StripeSandbox) -> None:
    first = place_order()
    capture(first)
    delete_customer(stripe_sandbox, first)
    order = place_order(customer=first.customer, payment_method=own_card(stripe_sandbox))

    assert by_ladder(lambda: capture(order)) == ["CustomerWasDeleted"]

    order.refresh_from_db()
    assert order.status == "paid"


def test_a_payment_before_the_customer_was_deleted_counts(stripe_sandbox: StripeSandbox) -> None:
    first = place_order(payment_method=own_card(stripe_sandbox))
    stripe_sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect", "times": 1})
    with pytest.raises(ProviderUnclear):
        capture(first)
    delete_customer(stripe_sandbox, first)
    with pytest.raises(CustomerWasDeleted):
        capture(place_order(customer=first.customer, payment_method=first.payment_method))

    capture(first)

    first.refresh_from_db()
    assert (first.status, only_attempt(first).status) == ("paid", "succeeded")


def test_with_the_key_of_another_account_no_customer_is_forgotten(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = place_order()
    capture(first)
    StripeCustomer.objects.update(stripe_id="cus_of_another_account")
    order = place_order(customer=first.customer)

    with pytest.raises(InvalidRequest):
        capture(order)

    order.refresh_from_db()
    assert (order.status, only_attempt(order).status) == ("pending_payment", "rejected")
    assert StripeCustomer.objects.get().stripe_id == "cus_of_another_account"
    assert published() == {"OrderPaid": 1}


def assert_waits_for_another_card(order: Any) -> None:
    before = published()["PaymentFailed"]
    capture(order)
    assert (only_attempt(order).status, only_attempt(order).code) == ("declined", "invalid_account")
    order.refresh_from_db()
    statuses = (charge_of(order).status, order.status, dunning_run_of(order).status)
    assert statuses == ("failed", "payment_failed", "active")
    assert published()["PaymentFailed"] == before + 1


def test_a_rejected_message_sent_again_is_a_new_attempt(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(amount=1)
    with pytest.raises(InvalidRequest) as rejected:
        capture(order)
    with pytest.raises(InvalidRequest):
        capture(order)
    assert rejected.value.code == "amount_too_small"
    order.refresh_from_db()
    assert (Charge.objects.get().status, order.status) == ("failed", "pending_payment")
    assert published() == {}, "another card would not fix an error of the shop"

    Charge.objects.update(amount=1290)  # an operator fixed it
    capture(order)

    assert list(ChargeAttempt.objects.values_list("number", "status")) == [
        (1, "rejected"),
        (2, "rejected"),
        (3, "succeeded"),
    ]
    order.refresh_from_db()
    assert (order.status, stripe_sandbox.statuses()) == ("paid", ["succeeded"])


def test_a_rejected_amount_is_sent_under_a_new_key_after_its_correction(
    stripe_sandbox: StripeSandbox,
) -> None:
    order = place_order(amount=1)
    with pytest.raises(InvalidRequest):
        capture(order)
    assert stripe_sandbox.intents() == []

    Charge.objects.update(amount=1290)
    capture(order)

    charge = Charge.objects.get()
    assert charge.status == "succeeded"
    assert [request["idempotency_key"] for request in stripe_sandbox.requests(path="/payment_intents")][:2] == [
        f"charge:{charge.pk}:intent",
        f"charge:{charge.pk}:intent:2",
    ]


def test_a_canceled_order_is_not_charged(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(status="canceled")

    capture(order)

    assert (Charge.objects.count(), stripe_sandbox.requests(), published()) == (0, [], {})


def test_an_unknown_order_is_permanent(stripe_sandbox: StripeSandbox) -> None:
    from charges.operations.payments.capture import capture_payment

    with pytest.raises(OrderNotFound):
        capture_payment(order_id=uuid.uuid4(), at=timezone.now())


def test_a_wrong_api_key_fails_no_payment(stripe_sandbox: StripeSandbox, settings) -> None:
    from integrations.stripe.errors import NotAuthorized

    order = place_order()
    settings.STRIPE_API_KEY = "sk_test_wrong"
    with pytest.raises(NotAuthorized):
        capture(order)
    order.refresh_from_db()
    assert (order.status, published()) == ("pending_payment", {})

    settings.STRIPE_API_KEY = "sk_test_sandbox"
    capture(order)

    assert stripe_sandbox.statuses() == ["succeeded"]


@pytest.mark.parametrize(("amount", "currency"), [(1290, "JPY"), (500000, "KRW"), (12990, "KWD")])
def test_minor_units_are_sent_unchanged(stripe_sandbox: StripeSandbox, amount: int, currency: str) -> None:
    capture(place_order(amount=amount, currency=currency))

    [intent] = stripe_sandbox.intents()
    assert (intent["amount"], intent["currency"]) == (amount, currency.lower())
