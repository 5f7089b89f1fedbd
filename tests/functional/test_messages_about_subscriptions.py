"""The mails that a customer gets in the life of a subscription, as Brevo receives them."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from charges.models import SavedPaymentMethod
from charges.operations.payments import card_expiries
from charges.operations.payments.new_payment_method import replace_payment_method
from integrations.outbox.models import OutboxMessage
from orders.models import PAID, Order
from subscriptions.models import Subscription
from subscriptions.operations import price_changes, reminders, renewals
from tests.support.accounts import BackEnd
from tests.support.days import NOW, Days
from tests.support.factories import SOFT, STAFF, change_price, make_plan
from tests.support.sandboxes import BrevoSandbox, StripeSandbox
from tests.support.subscriptions import status_and_reason, subscribed

pytestmark = pytest.mark.django_db(transaction=True)

DAY = dt.timedelta(days=1)
LINK = r"(?m)^(http\S+/cancel/\S+/)$"


class DaysWithMails(Days):
    QUEUES = (*Days.QUEUES, "EmailsQueue")


@pytest.fixture
def days(stripe_sandbox: StripeSandbox, brevo_sandbox: BrevoSandbox, monkeypatch: pytest.MonkeyPatch) -> DaysWithMails:
    return DaysWithMails(monkeypatch, stripe_sandbox)


def run_jobs(days: Days) -> None:
    """One run of each periodic job, and of the workers. Each message is delivered twice."""
    renewals.begin_due_renewals(at=days.now)
    reminders.publish_due_reminders(at=days.now)
    card_expiries.warn_of_expiring_cards(at=days.now)
    days.settle()
    sent = OutboxMessage.objects.filter(queue="EmailsQueue").order_by("pk")
    for message in sent:
        days._deliver(message)
    sent.delete()


def live_through(days: Days, subscription: Subscription, *, periods: int) -> None:
    """Let this many periods pass. The jobs run seven days before each boundary, and at it."""
    for _ in range(periods):
        subscription.refresh_from_db()
        boundary = subscription.current_period_end
        for moment in (boundary - 7 * DAY, boundary):
            days.until(max(moment, days.now))
            run_jobs(days)


def mails(brevo: BrevoSandbox, tag: str) -> list[dict[str, Any]]:
    """The mails of this kind, oldest first."""
    return [mail for mail in reversed(brevo.records("mails")) if mail["tags"] == [tag]]


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[1]


def press(client: Client, path: str, **fields: str) -> Any:
    token = found(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(path).text)
    return client.post(path, {**fields, "csrfmiddlewaretoken": token}, follow=True)


def test_a_year_of_renewals_sends_one_receipt_for_each_paid_order(days: Days, brevo_sandbox: BrevoSandbox) -> None:
    subscription = subscribed(days, plan={"renewal_reminder_days": 7})
    live_through(days, subscription, periods=12)

    orders = list(Order.objects.order_by("period_start"))
    assert [order.kind for order in orders] == ["first"] + ["renewal"] * 12
    assert {order.status for order in orders} <= set(PAID)
    receipts = mails(brevo_sandbox, "welcome") + mails(brevo_sandbox, "receipt")
    assert [order.number for order in orders] == [found(r"Order (\S+)", mail["textContent"]) for mail in receipts]
    assert all("Card: Visa •••• 4242" in mail["textContent"] for mail in receipts)
    reminded = [found("renews on (.+)", mail["subject"]) for mail in mails(brevo_sandbox, "renewal_reminder")]
    assert len(reminded) == len(set(reminded)) == 12
    assert reminded[0] == "April 1, 2026"
    assert days.dead == []


def test_no_mail_says_that_a_declined_renewal_is_paid(days: Days, brevo_sandbox: BrevoSandbox) -> None:
    subscription = subscribed(days)
    Subscription.objects.update(payment_method=SOFT)
    live_through(days, subscription, periods=1)
    assert mails(brevo_sandbox, "receipt") == []
    assert len(mails(brevo_sandbox, "payment_failed")) == 1

    order = Order.objects.get(kind="renewal")
    replace_payment_method(order_id=order.pk, payment_method="pm_card_mastercard", at=days.now)
    run_jobs(days)

    [receipt] = mails(brevo_sandbox, "receipt")
    assert "Card: Mastercard •••• 4444" in receipt["textContent"], "the order was paid with the new card"
    assert len([intent for intent in days.sandbox.intents() if intent["status"] == "succeeded"]) == 2


def test_a_customer_cancels_by_the_link_of_a_reminder(
    days: Days, brevo_sandbox: BrevoSandbox, client: Client
) -> None:
    subscription = subscribed(days, plan={"renewal_reminder_days": 7})
    boundary = subscription.current_period_end
    days.until(boundary - 7 * DAY)
    run_jobs(days)
    [reminder] = mails(brevo_sandbox, "renewal_reminder")
    path = urlsplit(found(LINK, reminder["textContent"])).path

    page = press(client, path, when="period_end", reason="not_used")
    assert "Your subscription is canceled" in page.text
    run_jobs(days)

    [receipt] = mails(brevo_sandbox, "cancellation_received")
    assert "Received on: March 25, 2026, 12:00:00" in receipt["textContent"].replace("\u202f", " ")
    assert "ends on April 1, 2026" in receipt["textContent"]
    live_through(days, subscription, periods=1)
    assert status_and_reason(subscription) == ("canceled", "not_used")
    assert (Order.objects.count(), mails(brevo_sandbox, "receipt")) == (1, [])
    assert len(mails(brevo_sandbox, "cancellation_received")) == 1
    assert "Your subscription has ended" in client.get(path).text


def test_a_customer_withdraws_by_the_link_of_the_receipt(
    days: Days, brevo_sandbox: BrevoSandbox, client: Client
) -> None:
    subscription = subscribed(days, amount=2490, plan={"is_digital": True})
    run_jobs(days)
    link = found(LINK, mails(brevo_sandbox, "welcome")[0]["textContent"])
    days.pass_(days=13)

    press(client, f"{urlsplit(link).path}withdraw/")
    run_jobs(days)

    assert status_and_reason(subscription) == ("canceled", "withdrawal")
    assert [refund["amount"] for refund in days.sandbox.objects("refunds")] == [2490]
    assert "Refund: €24.90" in mails(brevo_sandbox, "withdrawal_received")[0]["textContent"]
    assert len(mails(brevo_sandbox, "refund_succeeded")) == 1


def test_a_new_price_is_announced_and_then_charged(days: Days, brevo_sandbox: BrevoSandbox) -> None:
    subscription = subscribed(days)
    dearer = change_price(subscription.plan, amount=1500)
    price_changes.move_to_price(subscription=subscription, price=dearer, actor=STAFF, at=days.now)
    live_through(days, subscription, periods=2)

    [notice] = mails(brevo_sandbox, "price_change")
    assert "changes on April 1, 2026" in notice["subject"]
    assert list(Order.objects.order_by("period_start").values_list("amount", flat=True)) == [1290, 1500, 1500]
    assert "€15.00" in mails(brevo_sandbox, "receipt")[0]["textContent"]


def test_a_card_is_announced_before_it_expires_and_charged_afterwards(
    days: Days, brevo_sandbox: BrevoSandbox
) -> None:
    subscription = subscribed(days)
    card = days.sandbox.objects("customers")[0]
    [method] = days.sandbox.objects(f"customers/{card['id']}/payment_methods")
    days.sandbox.replace_card(method["id"], exp_year=2026, exp_month=4)
    SavedPaymentMethod.objects.update(exp_year=2026, exp_month=4)
    live_through(days, subscription, periods=3)

    [warning] = mails(brevo_sandbox, "card_expiring")
    assert "04/2026" in warning["textContent"]
    assert Order.objects.filter(status__in=PAID).count() == 4, "also after the end of April"


def test_a_trial_has_a_receipt_a_reminder_and_a_first_charge(
    days: Days, brevo_sandbox: BrevoSandbox, client: Client
) -> None:
    make_plan(code="magazine", name="Magazine", amount=490, is_digital=True, trial_days=14)
    body = {
        "plan": "magazine",
        "payment_method": "pm_card_visa",
        "customer": {"email": "ann@example.com", "name": "Ann Lee", "locale": "de"},
    }
    answer = client.post("/api/v1/checkout/", body, "application/json", headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 201, answer.content
    run_jobs(days)

    [welcome] = mails(brevo_sandbox, "welcome")
    for words in (
        "Ihre kostenlose Testphase von Magazine hat begonnen",
        "Die Testphase endet am 15. März 2026. Danach berechnen wir 4,90\xa0€ jeden Monat",
        "Karte: Visa •••• 4242",
        "Testphase endet am: 15. März 2026, 12:00:00 UTC",
        "Verträge hier kündigen",
    ):
        assert words in welcome["textContent"], words

    live_through(days, Subscription.objects.get(), periods=1)
    [reminder] = mails(brevo_sandbox, "trial_ending")
    assert "Am 15. März 2026 buchen wir 4,90\xa0€ von Ihrer Karte Visa •••• 4242 ab." in reminder["textContent"]
    [receipt] = mails(brevo_sandbox, "receipt")
    assert "4,90\xa0€" in receipt["textContent"]
    assert Subscription.objects.get().status == "active"
    assert mails(brevo_sandbox, "renewal_reminder") == []


def test_a_change_of_plan_has_a_receipt_that_explains_its_lines(days: Days, brevo_sandbox: BrevoSandbox) -> None:
    subscription = subscribed(days, amount=1000)
    make_plan(code="large", name="Large", amount=2000)
    days.sleep_until(NOW + dt.timedelta(days=31) / 2)
    back_end, path = BackEnd(customer=subscription.customer), f"me/subscriptions/{subscription.pk}"

    quote = back_end.call("post", f"{path}/preview/", {"plan": "large"}).json()["quote"]
    assert back_end.call("post", f"{path}/change/", {"quote": quote}).status_code == 202
    run_jobs(days)

    [receipt] = mails(brevo_sandbox, "receipt")
    for words in (
        "Your payment of €5.00 has arrived, and your subscription to Large is changed.",
        "Credit for the unused time of Coffee: -€5.00",
        "1 × Large for the rest of the period: €10.00",
        "Total: €5.00",
        "Next payment: April 1, 2026, €20.00",
    ):
        assert words in receipt["textContent"], receipt["textContent"]
