from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import charges.operations
import subscriptions.operations.erasures
from charges.models import Dispute, Refund, SavedPaymentMethod, StripeCustomer
from charges.operations import erasing
from charges.operations.payments import payment_methods, wallet
from integrations.errors import ProviderUnclear
from orders.models import Order
from subscriptions.models import Customer, Erasure
from tests.support.concurrency import Died, Moments
from tests.support.days import NOW
from tests.support.deliveries import deliver_refund
from tests.support.erasures import begun_erasure, step_of
from tests.support.factories import (
    make_charge,
    make_dunning_run,
    make_order,
    paid_charge,
    place_order,
    request_refund,
    succeeded_charge,
)
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

FOLDERS = (str(Path(charges.operations.__path__[0])), str(Path(subscriptions.operations.erasures.__path__[0])))


@pytest.fixture
def paid(stripe_sandbox: StripeSandbox) -> Any:
    """The charge of a paid and started order."""
    return started(paid_charge())


def started(charge: Any) -> Any:
    Order.objects.update(fulfillment_started_at=NOW)
    return charge


def erasure_of(charge: Any) -> Erasure:
    return begun_erasure(Customer.objects.get(pk=charge.order.customer_id))


def test_nothing_identifies_the_card_afterwards(paid: Any) -> None:
    refund = request_refund(paid, 100, note="Ada called")
    deliver_refund(refund)
    erasure = erasure_of(paid)

    assert erasing.erase_cards(erasure_id=erasure.pk, at=NOW)
    assert not erasing.erase_cards(erasure_id=erasure.pk, at=NOW)

    saved = SavedPaymentMethod.objects.get()
    assert (saved.brand, saved.last4, saved.fingerprint, saved.exp_year) == ("", "", "", None)
    assert saved.removed_at == NOW
    assert Refund.objects.get().note == ""
    paid.refresh_from_db()
    assert (paid.amount, paid.status) == (1290, "succeeded")


def test_the_default_card_is_erased(paid: Any) -> None:
    SavedPaymentMethod.objects.update(added_at=NOW, is_default=True)
    erasing.erase_cards(erasure_id=erasure_of(paid).pk, at=NOW)
    assert not SavedPaymentMethod.objects.get().is_default


def test_the_customer_at_stripe_is_deleted_with_every_duplicate(paid: Any, stripe_sandbox: StripeSandbox) -> None:
    customer = paid.order.customer
    stripe_sandbox.api("POST", "/v1/customers", email=customer.email, **{"metadata[customer]": str(customer.pk)})
    stripe_sandbox.api("POST", "/v1/customers", email=customer.email, **{"metadata[customer]": "another"})
    erasure = erasure_of(paid)

    assert erasing.delete_stripe_customer(erasure_id=erasure.pk, at=NOW)

    assert [row["metadata"]["customer"] for row in stripe_sandbox.objects("customers")] == ["another"]
    assert step_of(erasure, "stripe").detail.startswith("2 of 2 customers deleted")


def test_a_customer_that_staff_deleted_at_stripe_is_fine(paid: Any, stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.api("DELETE", f"/v1/customers/{StripeCustomer.objects.get().stripe_id}")
    erasure = erasure_of(paid)
    assert erasing.delete_stripe_customer(erasure_id=erasure.pk, at=NOW)
    assert step_of(erasure, "stripe").detail.startswith("0 of 1 customers deleted")


def test_a_customer_who_never_paid_needs_no_call(stripe_sandbox: StripeSandbox, db: None) -> None:
    order = make_order(status="canceled")
    assert erasing.delete_stripe_customer(erasure_id=begun_erasure(order.customer).pk, at=NOW)
    assert stripe_sandbox.requests(method="GET") + stripe_sandbox.requests(method="DELETE") == []


def test_if_stripe_is_down_the_step_is_repeated(paid: Any, stripe_sandbox: StripeSandbox) -> None:
    erasure = erasure_of(paid)
    stripe_sandbox.faults({"kind": "error_after_effect", "status": 500, "method": "DELETE", "times": 1})
    with pytest.raises(ProviderUnclear):
        erasing.delete_stripe_customer(erasure_id=erasure.pk, at=NOW)
    assert step_of(erasure, "stripe").last_error == "ProviderUnclear"
    assert erasing.delete_stripe_customer(erasure_id=erasure.pk, at=NOW)
    assert stripe_sandbox.objects("customers") == []


@pytest.mark.parametrize("step", [erasing.erase_cards, erasing.delete_stripe_customer])
def test_killed_at_every_moment(stripe_sandbox: StripeSandbox, step: Any) -> None:
    recorder = Moments(folders=FOLDERS)
    erasure = erasure_of(started(paid_charge()))
    with recorder:
        step(erasure_id=erasure.pk, at=NOW)
    assert len(recorder.seen) >= 3
    for moment in recorder.seen:
        erasure = erasure_of(started(paid_charge()))
        with pytest.raises(Died), Moments(die_at=moment, folders=FOLDERS):
            step(erasure_id=erasure.pk, at=NOW)
        step(erasure_id=erasure.pk, at=NOW)
        assert step_of(erasure, "cards" if step is erasing.erase_cards else "stripe").done_at is not None, moment
    if step is erasing.delete_stripe_customer:
        assert stripe_sandbox.objects("customers") == []
    else:
        assert not SavedPaymentMethod.objects.exclude(last4="").exists()


def test_nothing_about_an_erased_customer_is_written_at_stripe_or_here(
    paid: Any, stripe_sandbox: StripeSandbox
) -> None:
    customer = paid.order.customer
    erasure = erasure_of(paid)
    erasing.erase_cards(erasure_id=erasure.pk, at=NOW)
    erasing.delete_stripe_customer(erasure_id=erasure.pk, at=NOW)
    before = len(stripe_sandbox.requests())

    payment_methods.update_stripe_customer(customer_id=customer.pk)
    with pytest.raises(payment_methods.CustomerIsErased):
        payment_methods.ensure_payment_method(customer=customer, payment_method="pm_card_mastercard", at=NOW)
    late = SavedPaymentMethod.objects.create(customer=customer, payment_method_id="pm_card_amex", added_at=NOW)
    wallet.attach(saved_payment_method_id=late.pk, at=NOW)

    assert len(stripe_sandbox.requests()) == before
    late.refresh_from_db()
    assert late.last4 == ""


def open_charge() -> Any:
    return make_charge(place_order(status="canceled", canceled_at=NOW))


def open_refund() -> Any:
    charge = started(succeeded_charge(make_order()))
    request_refund(charge, 100)
    return charge


def open_dispute() -> Any:
    charge = started(succeeded_charge(make_order()))
    disputed = {"amount": 1290, "currency": "EUR", "status": "needs_response", "opened_at": NOW}
    Dispute.objects.create(charge=charge, stripe_id="du_1", is_inquiry=False, **disputed)
    return charge


def running_dunning() -> Any:
    charge = started(succeeded_charge(make_order()))
    make_dunning_run(charge.order)
    return charge


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (open_charge, "is not completed or canceled"),
        (open_refund, "is on its way"),
        (open_dispute, "is not decided"),
        (running_dunning, "have not ended"),
    ],
)
def test_open_money(db: None, make: Any, reason: str) -> None:
    order = make().order
    [found] = erasing.PART.open_money(order.customer_id)
    assert reason in found and order.number in found


def test_settled_money_is_not_open(paid: Any) -> None:
    deliver_refund(request_refund(paid, 100))
    make_dunning_run(paid.order, status="recovered")
    assert erasing.PART.open_money(paid.order.customer_id) == []


def test_the_copy_holds_payments_refunds_and_cards(paid: Any) -> None:
    deliver_refund(request_refund(paid, 100))
    sections = {name: list(rows(paid.order.customer_id)) for name, rows in erasing.PART.sections.items()}
    [payment], [refund], [card] = sections["payments"], sections["refunds"], sections["cards"]
    assert (payment["order"], payment["amount"], len(payment["attempts"])) == (paid.order.number, 1290, 1)
    assert (refund["amount"], card["last4"], sections["disputes"]) == (100, "4242", [])


def test_what_stays_at_stripe_can_be_redacted_later(paid: Any) -> None:
    here, there = erasing.PART.kept(paid.order.customer_id, NOW)
    assert (here.system, there.system) == ("Shop", "Stripe")
    assert "from 2026-05-31 on" in there.why
