"""A customer's own payment methods, changed and attached at the same moment."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest

from charges.models import SavedPaymentMethod
from charges.operations.payments import wallet
from charges.operations.payments.wallet import InUse, NotReady, PaymentMethodNotFound, PaymentMethodWasRemoved
from integrations.stripe import payment_methods
from subscriptions.models import Customer
from subscriptions.queries import CustomerNotFound
from tests.support.concurrency import at_once, errors_at_once
from tests.support.deliveries import published
from tests.support.factories import make_customer, place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann(transactional_db: None, stripe_sandbox: StripeSandbox) -> Customer:
    return make_customer()


def ready(ann: Customer, now: dt.datetime, card: str = "pm_card_visa") -> SavedPaymentMethod:
    saved = wallet.add(customer_id=ann.pk, payment_method=card, at=now)
    wallet.attach(saved_payment_method_id=saved.pk, at=now)
    saved.refresh_from_db()
    return saved


def make_default(saved: SavedPaymentMethod, now: dt.datetime) -> SavedPaymentMethod:
    return wallet.make_default(
        customer_id=saved.customer_id, saved_payment_method_id=saved.pk, subscription_ids=None, at=now
    )


def remove(saved: SavedPaymentMethod, now: dt.datetime) -> None:
    wallet.remove(customer_id=saved.customer_id, saved_payment_method_id=saved.pk, at=now)


def test_three_additions_at_once_are_one(ann: Customer, now: dt.datetime) -> None:
    rows = at_once(lambda: wallet.add(customer_id=ann.pk, payment_method="pm_card_visa", at=now).pk, times=3)
    assert set(rows) == {SavedPaymentMethod.objects.get().pk}
    assert published()["PaymentMethodAdded"] == 1


def test_two_defaults_at_once_leave_one(ann: Customer, now: dt.datetime) -> None:
    one, other = ready(ann, now), ready(ann, now, "pm_card_mastercard")
    order = place_order(customer=ann)
    assert errors_at_once(lambda: make_default(one, now), lambda: make_default(other, now)) == []
    assert SavedPaymentMethod.objects.filter(is_default=True).count() == 1
    order.subscription.refresh_from_db()
    assert order.subscription.payment_method in (one.payment_method_id, other.payment_method_id)


def test_two_removals_at_once_never_remove_the_last_card_of_an_unpaid_order(ann: Customer, now: dt.datetime) -> None:
    place_order(customer=ann, payment_method="pm_card_amex")
    one, other = ready(ann, now), ready(ann, now, "pm_card_mastercard")
    errors = errors_at_once(lambda: remove(one, now), lambda: remove(other, now))
    assert [type(error) for error in errors] == [InUse]
    assert SavedPaymentMethod.objects.filter(removed_at=None).count() == 1


def test_a_card_that_is_removed_while_it_is_attached_is_detached(
    ann: Customer, now: dt.datetime, stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = wallet.add(customer_id=ann.pk, payment_method="pm_card_visa", at=now)
    read = payment_methods.retrieve

    def removed_meanwhile(*, payment_method_id: str) -> object:
        if SavedPaymentMethod.objects.get().removed_at is None:
            remove(saved, now)
        return read(payment_method_id=payment_method_id)

    monkeypatch.setattr(payment_methods, "retrieve", removed_meanwhile)
    wallet.attach(saved_payment_method_id=saved.pk, at=now)
    stripe_id = str(SavedPaymentMethod.objects.get().stripe_id)
    assert stripe_sandbox.api("GET", f"/v1/payment_methods/{stripe_id}")["customer"] is None


def test_a_card_that_is_not_ready_is_no_default(ann: Customer, now: dt.datetime) -> None:
    saved = wallet.add(customer_id=ann.pk, payment_method="pm_card_visa", at=now)
    with pytest.raises(NotReady):
        make_default(saved, now)


def test_a_removed_card_is_gone(ann: Customer, now: dt.datetime) -> None:
    saved = ready(ann, now)
    remove(saved, now)
    for act in (lambda: remove(saved, now), lambda: make_default(saved, now)):
        with pytest.raises(PaymentMethodNotFound):
            act()
    with pytest.raises(PaymentMethodWasRemoved):
        wallet.add(customer_id=ann.pk, payment_method="pm_card_visa", at=now)


def test_a_card_of_another_customer_of_stripe_is_refused_by_stripe(ann: Customer, now: dt.datetime) -> None:
    bob = make_customer(email="bob@example.com")
    stripe_id = str(ready(bob, now).stripe_id)
    saved = ready(ann, now, stripe_id)
    assert saved.failure_code and not saved.brand


def test_an_unknown_customer_adds_nothing(transactional_db: None, now: dt.datetime) -> None:
    with pytest.raises(CustomerNotFound):
        wallet.add(customer_id=uuid4(), payment_method="pm_card_visa", at=now)


def test_a_default_card_must_be_the_customers_own_and_not_removed(ann: Customer, now: dt.datetime) -> None:
    from django.db import IntegrityError

    with pytest.raises(IntegrityError):
        SavedPaymentMethod.objects.create(customer=ann, payment_method_id="pm_1", is_default=True)
