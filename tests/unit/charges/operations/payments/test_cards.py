"""The details of a card are stored when it is attached, and again when Stripe says that it changed."""

from __future__ import annotations

import pytest

from charges.models import SavedPaymentMethod
from charges.operations.payments.cards import read_card
from integrations.stripe.errors import InvalidRequest
from orders.models import Order
from tests.support.days import NOW
from tests.support.erasures import request_erasure
from tests.support.factories import paid_charge
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


def saved_card() -> SavedPaymentMethod:
    paid_charge(payment_method="pm_card_visa")
    return SavedPaymentMethod.objects.get()


def test_the_card_of_a_checkout_is_stored_with_its_details(stripe_sandbox: StripeSandbox) -> None:
    saved = saved_card()
    assert (saved.brand, saved.last4, saved.exp_month, saved.exp_year) == ("visa", "4242", 11, 2031)
    assert len(saved.fingerprint) == 16
    assert stripe_sandbox.requests(method="GET", path="/payment_methods") == [], "the response of attach has them"


def test_a_replaced_card_is_read_again(stripe_sandbox: StripeSandbox) -> None:
    saved = saved_card()
    assert saved.stripe_id is not None
    stripe_sandbox.replace_card(saved.stripe_id, exp_year=2035, last4="0077")
    read_card(saved_payment_method_id=saved.pk, stripe_id=saved.stripe_id)
    saved.refresh_from_db()
    assert (saved.last4, saved.exp_year) == ("0077", 2035)


def test_an_unknown_card_is_an_error(stripe_sandbox: StripeSandbox) -> None:
    with pytest.raises(InvalidRequest):
        read_card(saved_payment_method_id=saved_card().pk, stripe_id="pm_unknown")


def test_nothing_about_the_card_of_an_erased_customer_is_stored(stripe_sandbox: StripeSandbox) -> None:
    saved = saved_card()
    assert saved.stripe_id is not None
    Order.objects.update(fulfillment_started_at=NOW)
    request_erasure(saved.customer)
    SavedPaymentMethod.objects.update(last4="", fingerprint="")
    read_card(saved_payment_method_id=saved.pk, stripe_id=saved.stripe_id)
    saved.refresh_from_db()
    assert (saved.last4, saved.fingerprint) == ("", "")
