"""A customer starts three things on the payment page: a confirmation, the return from the bank, a new link."""

from __future__ import annotations

import datetime as dt

import pytest

from charges.models import Charge
from charges.operations.payments import payment_page
from charges.operations.payments.payment_page import NothingToConfirm
from integrations.outbox.models import OutboxMessage
from orders.models import AWAITING_PAYMENT, Order
from tests.support.days import NOW
from tests.support.deliveries import capture, published
from tests.support.factories import SCA, SOFT, place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


def captured(card: str) -> Order:
    order: Order = place_order(payment_method=card)
    capture(order)
    order.refresh_from_db()
    return order


def test_the_browser_gets_the_secret_and_the_card_that_the_bank_asks_about(stripe_sandbox: StripeSandbox) -> None:
    confirmation = payment_page.confirmation(order=captured(SCA))
    [intent] = stripe_sandbox.intents()
    assert confirmation.client_secret.startswith(f"{intent['id']}_secret_")
    [card] = stripe_sandbox.objects(f"customers/{intent['customer']}/payment_methods")
    assert confirmation.payment_method == card["id"]
    assert confirmation.client_secret not in repr(confirmation)


@pytest.mark.parametrize("card", ["pm_card_visa", SOFT], ids=["paid", "declined"])
def test_a_payment_that_does_not_wait_for_its_customer_has_nothing_to_confirm(
    stripe_sandbox: StripeSandbox, card: str
) -> None:
    order = captured(card)
    with pytest.raises(NothingToConfirm):
        payment_page.confirmation(order=order)


def test_a_payment_that_was_confirmed_in_another_window_is_read_instead(stripe_sandbox: StripeSandbox) -> None:
    order = captured(SCA)
    intent_id = str(Charge.objects.get().payment_intent_id)
    stripe_sandbox.confirm_in_browser(intent_id, SCA)
    stripe_sandbox.authenticate(intent_id)
    with pytest.raises(NothingToConfirm):
        payment_page.confirmation(order=order)
    assert published()["PaymentReturned"] == 1


@pytest.mark.parametrize("status", Order.Status)
def test_a_return_or_a_link_matters_only_to_an_order_that_awaits_payment(status: str) -> None:
    order = place_order(status=status)
    payment_page.note_return(order=order)
    payment_page.request_link(order=order, at=NOW)
    expected = {"PaymentReturned": 1, "PaymentLinkRequested": 1} if status in AWAITING_PAYMENT else {}
    assert published() == expected


def test_requests_for_a_link_within_one_hour_are_one_request() -> None:
    order = place_order()
    for minutes in (0, 59, 60):
        payment_page.request_link(order=order, at=NOW + dt.timedelta(minutes=minutes))
    requests = [row.kwargs["request"] for row in OutboxMessage.objects.filter(headers__event="PaymentLinkRequested")]
    assert len(requests) == 3
    assert len(set(requests)) == 2
