from __future__ import annotations

import pytest
from django.utils import timezone

from charges import queries as charges
from charges.cancel_links import cancel_link
from charges.models import SavedPaymentMethod
from charges.payment_links import payment_link
from notifications.models import Notification
from notifications.operations.message_context import message_context, next_charge
from orders.models import BalanceEntry, Order
from subscriptions.operations.subscriptions import cancel
from tests.support.factories import STAFF, make_order
from tests.support.message_facts import (
    DAY,
    START,
    attempt_at,
    charge_for,
    dunning_run,
    refund_for,
    send,
)

pytestmark = pytest.mark.django_db(transaction=True)  # session locks need real commits

Kind, Status = Notification.Kind, Notification.Status


@pytest.mark.parametrize(
    ("status", "words"), [("payment_failed", "with another card"), ("requires_action", "confirm the payment")]
)
def test_a_reminder_asks_for_what_the_order_needs_now(status, words, brevo_sandbox, now):
    order = make_order(status=status)
    assert send(Kind.PAYMENT_REMINDER, order, now, step_number=1)
    assert f"Here you can {words}" in brevo_sandbox.records("mails")[0]["textContent"].replace("pay with", "with")


def test_a_planned_attempt_is_announced_unless_it_is_overdue(brevo_sandbox):
    order = make_order(status="payment_failed")
    attempt_at(charge_for(order), 1, code="insufficient_funds")
    dunning_run(order).steps.create(number=1, due_at=START + 3 * DAY)

    send(Kind.PAYMENT_FAILED, order, START, attempt_number=1)
    Notification.objects.all().delete()
    send(Kind.PAYMENT_FAILED, order, START + 4 * DAY, attempt_number=1)  # overdue: nothing is promised

    promised = ["On November 26, 2026" in mail["textContent"] for mail in brevo_sandbox.records("mails")]
    assert sorted(promised) == [False, True]


def test_the_payment_link_is_in_the_email_but_not_in_logs_or_rows(brevo_sandbox, now, caplog, settings):
    order = make_order(status="payment_failed")
    caplog.set_level("DEBUG")

    assert send(Kind.PAYMENT_LINK, order, now, request="r-1")
    assert send(Kind.PAYMENT_LINK, order, now, request="r-2")

    url = payment_link(order_id=order.pk, at=now)
    assert url.startswith(settings.PUBLIC_URL)
    for mail in brevo_sandbox.records("mails"):
        assert url in mail["textContent"].splitlines()
        assert f'href="{url}"' in mail["htmlContent"]
    token = url.split("/pay/")[1]
    assert token not in caplog.text
    assert all(token not in str(row) for row in Notification.objects.values())


@pytest.mark.parametrize(
    ("policy", "status", "words"),
    [
        ("cancel", "canceled", "Your subscription has ended"),
        ("pause", "canceled", "Your subscription is paused"),
        ("past_due", "payment_failed", "Your payment is overdue"),
        ("past_due", "requires_action", "Your payment is overdue"),
    ],
)
def test_the_message_about_the_end_of_dunning_follows_the_policy(policy, status, words, brevo_sandbox, now):
    order = make_order(status=status)
    dunning_run(order, status="exhausted", policy=policy, ended_at=START)

    assert [send(Kind.DUNNING_EXHAUSTED, order, now) for _ in range(2)] == [True, False]

    [mail] = brevo_sandbox.records("mails")
    assert words in mail["textContent"]
    assert ("/pay/" in mail["textContent"]) is (policy == "past_due")
    assert ("waiting for you to confirm" in mail["textContent"]) is (status == "requires_action")


@pytest.mark.parametrize("status", ["refunded", "partially_refunded", "canceled", "fulfilled"])
def test_each_refund_is_sent_with_its_own_amount_in_each_order_status(status, brevo_sandbox, now):
    order = make_order()
    first, second = refund_for(order, amount=500), refund_for(order, amount=790)
    Order.objects.update(status=status, fulfilled_at=timezone.now(), canceled_at=timezone.now())

    sent = [send(Kind.REFUND_SUCCEEDED, order, now, refund_id=refund.pk) for refund in (first, first, second)]

    assert sent == [True, False, True]
    texts = " ".join(mail["textContent"] for mail in brevo_sandbox.records("mails"))
    assert "refunded €5.00" in texts
    assert "refunded €7.90" in texts


def test_a_refund_of_a_canceled_order_explains_itself(brevo_sandbox, now):
    order = make_order()
    refund = refund_for(order, amount=order.amount, origin="shop")
    Order.objects.update(status="canceled", canceled_at=timezone.now())

    assert send(Kind.REFUND_SUCCEEDED, order, now, refund_id=refund.pk)
    text = brevo_sandbox.records("mails")[0]["textContent"]
    assert "canceled already" in text
    assert "the whole amount" in text


def test_a_refund_of_another_order_is_not_sent(brevo_sandbox, now):
    refund = refund_for(make_order())
    stranger = make_order(customer={"email": "b@example.com"}, start=START + DAY)

    with pytest.raises(charges.RefundNotFound):
        send(Kind.REFUND_SUCCEEDED, stranger, now, refund_id=refund.pk)
    assert brevo_sandbox.calls("brevo") == []


def test_a_receipt_states_the_card_and_the_next_charge(brevo_sandbox, now):
    order = make_order(quantity=2)
    SavedPaymentMethod.objects.create(
        customer=order.customer, payment_method_id="pm_other", brand="visa", last4="1111", stripe_id="pm_o"
    )
    SavedPaymentMethod.objects.create(
        customer=order.customer, payment_method_id="pm_1", brand="mastercard", last4="4444", stripe_id="pm_s"
    )
    charge_for(order, status="succeeded")

    found = message_context(kind=Kind.WELCOME, order=order, at=now)

    assert found.receipt is not None and found.receipt.next_charge is not None
    assert (found.receipt.brand, found.receipt.last4) == ("mastercard", "4444")
    assert found.receipt.next_charge.at == order.subscription.renews_at
    assert found.receipt.next_charge.amount == 2580
    assert found.cancel_url == cancel_link(subscription_id=order.subscription_id)


def test_nothing_is_promised_and_nothing_can_be_canceled_after_the_end(brevo_sandbox, now):
    order = make_order()
    cancel(subscription=order.subscription, reason="", actor=STAFF, at=now)
    found = message_context(kind=Kind.WELCOME, order=order, at=now)
    assert found.receipt is not None
    assert (found.receipt.next_charge, found.receipt.last4, found.cancel_url) == (None, "", "")
    assert message_context(kind=Kind.ORDER_CONFIRMATION, order=order, at=now).receipt is None


@pytest.mark.parametrize(("balance", "amount"), [(500, 790), (2000, 0), (-30, 1320)])
def test_the_next_charge_is_less_the_credit_of_the_subscription(brevo_sandbox, now, balance, amount):
    order = make_order()
    BalanceEntry.objects.create(
        subscription=order.subscription, amount=balance, currency="EUR", reason="staff", actor_kind="staff", actor="x",
        at=now,
    )  # fmt: skip
    charge = next_charge(order.subscription)
    assert charge is not None and charge.amount == amount
