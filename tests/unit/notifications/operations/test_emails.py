from __future__ import annotations

import datetime as dt

import pytest

from integrations.errors import ProviderRejected, ProviderThrottled, ProviderUnavailable, ProviderUnclear
from integrations.http import AccountRejected
from notifications.models import Channel, Notification, Suppression
from notifications.operations import claims, emails
from orders import queries as orders
from orders.models import Order
from tests.support.concurrency import at_once
from tests.support.factories import make_order

pytestmark = pytest.mark.django_db(transaction=True)  # session locks need real commits

Kind, Status = Notification.Kind, Notification.Status

KINDS = {
    Kind.ORDER_CONFIRMATION: Order.Status.PENDING_PAYMENT,
    Kind.WELCOME: Order.Status.PAID,
    Kind.PAYMENT_FAILED: Order.Status.PAYMENT_FAILED,
    Kind.PAYMENT_ACTION_REQUIRED: Order.Status.REQUIRES_ACTION,
    Kind.PAYMENT_REMINDER: Order.Status.PAYMENT_FAILED,
    Kind.PAYMENT_LINK: Order.Status.PENDING_PAYMENT,
}


def fault(kind: str, **more) -> dict:
    return {"provider": "brevo", "path": "/v3/smtp/email", "kind": kind, "times": 1, **more}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_reaches_the_mailbox(kind, brevo_sandbox, now):
    order = make_order(status=KINDS[kind])

    assert emails.send(kind=kind, order_id=order.pk, at=now)

    [mail] = brevo_sandbox.records("mails")
    row = Notification.objects.get()
    assert mail["to"] == [{"email": "Ann.Lee@example.com", "name": "Ann Lee"}]
    assert mail["headers"] == {"idempotencyKey": str(row.idempotency_key), "X-Mailin-custom": str(row.pk)}
    assert mail["tags"] == [kind]
    assert order.number in mail["subject"]
    assert "€12.90" in mail["htmlContent"]
    assert "€12.90" in mail["textContent"]
    assert (row.status, row.provider_message_id, row.sent_at) == (Status.SENT, mail["id"], now)


@pytest.mark.parametrize("kind", KINDS)
def test_three_concurrent_deliveries_send_one_email(kind, brevo_sandbox, now):
    order = make_order(status=KINDS[kind])

    outcomes = at_once(lambda: emails.send(kind=kind, order_id=order.pk, at=now), times=3)

    assert sorted(outcomes) == [False, False, True]
    assert len(brevo_sandbox.records("mails")) == 1
    assert len(brevo_sandbox.calls("brevo", "/smtp/email")) == 1


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        (Kind.PAYMENT_FAILED, "paid", "order_paid"),
        (Kind.PAYMENT_ACTION_REQUIRED, "paid", "order_paid"),
        (Kind.PAYMENT_ACTION_REQUIRED, "payment_failed", "order_payment_failed"),
        (Kind.WELCOME, "pending_payment", "order_not_paid"),
        (Kind.ORDER_CONFIRMATION, "canceled", "order_canceled"),
        (Kind.PAYMENT_REMINDER, "paid", "order_paid"),
        (Kind.PAYMENT_REMINDER, "pending_payment", "order_pending_payment"),
        (Kind.PAYMENT_LINK, "paid", "order_paid"),
        (Kind.PAYMENT_LINK, "canceled", "order_canceled"),
        (Kind.DUNNING_EXHAUSTED, "payment_failed", "no_dunning"),
    ],
)
def test_an_email_that_is_no_longer_true_is_not_sent(kind, status, reason, brevo_sandbox, now):
    order = make_order(status=status)

    assert not emails.send(kind=kind, order_id=order.pk, at=now)

    assert brevo_sandbox.records("mails") == []
    row = Notification.objects.get()
    assert (row.status, row.error_code) == (Status.SKIPPED, reason)


def test_a_skipped_email_is_sent_once_it_is_true(brevo_sandbox, now):
    order = make_order(status="pending_payment")
    emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now)
    Order.objects.update(status="paid", paid_at=now)

    assert emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now)
    assert "is paid" in brevo_sandbox.records("mails")[0]["subject"]


def test_only_the_first_order_gets_a_welcome(brevo_sandbox, now):
    first = make_order()
    renewal = make_order(customer=first.customer, subscription=first.subscription, start=first.period_end)

    emails.send_receipt(order_id=renewal.pk, at=now)
    emails.send_receipt(order_id=first.pk, at=now)

    subjects = {mail["subject"] for mail in brevo_sandbox.records("mails")}
    assert subjects == {
        f"Receipt for order {renewal.number} at Corner Shop",
        f"Welcome to Corner Shop: order {first.number} is paid",
    }


@pytest.mark.parametrize("kind", ["drop", "error"])
def test_if_brevo_did_not_accept_an_unclear_attempt_the_retry_sends_it(kind, brevo_sandbox, now):
    order = make_order()
    brevo_sandbox.faults(fault(kind))

    with pytest.raises(ProviderUnclear):
        emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now)
    assert Notification.objects.get().status == Status.SENDING
    assert emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now + dt.timedelta(minutes=6))

    assert len(brevo_sandbox.records("mails")) == 1
    assert Notification.objects.get().status == Status.SENT


@pytest.mark.parametrize("kind", ["drop_after_effect", "error_after_effect", "non_json"])
def test_if_brevo_accepted_an_unclear_attempt_the_retry_sends_nothing(kind, brevo_sandbox, now):
    order = make_order()
    brevo_sandbox.faults(fault(kind))

    with pytest.raises(ProviderUnclear):
        emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now)
    assert emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now + dt.timedelta(minutes=6))

    assert len(brevo_sandbox.records("mails")) == 1
    assert [status for *_, status in brevo_sandbox.calls("brevo", "/smtp/email")][-1] == 400
    row = Notification.objects.get()
    assert (row.status, row.provider_message_id) == (Status.SENT, "")


def test_after_a_timeout_the_outcome_is_unclear(brevo_sandbox, now, monkeypatch):
    monkeypatch.setattr("integrations.http.READ_SECONDS", 0.2)
    order = make_order()
    brevo_sandbox.faults(fault("timeout_after_effect", seconds=1))

    with pytest.raises(ProviderUnclear):
        emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now)

    assert Notification.objects.get().status == Status.SENDING


def test_after_thirty_minutes_the_outcome_stays_unknown(brevo_sandbox, now):
    order = make_order()
    brevo_sandbox.faults(fault("drop_after_effect"))
    with pytest.raises(ProviderUnclear):
        emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now)

    # The last retry comes one minute after Brevo forgot the key, so Brevo would send the e-mail again.
    brevo_sandbox.app.clock.offset = 31 * 60
    for _ in range(2):
        assert not emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now + dt.timedelta(minutes=31))

    assert len(brevo_sandbox.records("mails")) == 1
    assert Notification.objects.get().status == Status.UNKNOWN


def test_the_resend_window_begins_with_the_first_unclear_attempt(brevo_sandbox, now, settings):
    """An attempt that certainly failed does not start the window."""
    order = make_order()
    settings.BREVO_API_BASE = "http://127.0.0.1:9/v3"
    with pytest.raises(ProviderUnavailable):
        emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now)
    assert Notification.objects.get().first_attempted_at is None

    settings.BREVO_API_BASE = f"{brevo_sandbox.url}/brevo/v3"
    later = now + dt.timedelta(days=3)
    assert emails.send(kind=Kind.WELCOME, order_id=order.pk, at=later)
    assert Notification.objects.get().first_attempted_at == later


def test_a_certain_failure_does_not_settle_an_earlier_unclear_attempt(brevo_sandbox, now, settings):
    order = make_order()
    brevo_sandbox.faults(fault("drop_after_effect"))
    with pytest.raises(ProviderUnclear):
        emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now)
    key = Notification.objects.get().idempotency_key

    settings.BREVO_API_BASE = "http://127.0.0.1:9/v3"
    with pytest.raises(ProviderUnavailable):
        emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now + dt.timedelta(minutes=1))
    row = Notification.objects.get()
    assert (row.status, row.first_attempted_at, row.idempotency_key) == (Status.SENDING, now, key)

    settings.BREVO_API_BASE = f"{brevo_sandbox.url}/brevo/v3"
    emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now + dt.timedelta(minutes=6))
    assert len(brevo_sandbox.records("mails")) == 1


class Killed(BaseException):
    """Stands for a worker that was killed."""


def test_if_the_worker_dies_before_the_commit_the_retry_sends_nothing(brevo_sandbox, now, monkeypatch):
    order = make_order()

    def die(**_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(claims, "record_sent", die)
        with pytest.raises(Killed):
            emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now)
    assert emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now + dt.timedelta(minutes=1))

    assert len(brevo_sandbox.records("mails")) == 1
    assert Notification.objects.get().status == Status.SENT


def test_a_throttled_call_reports_the_wait(brevo_sandbox, now):
    order = make_order()
    brevo_sandbox.faults(fault("error", status=429, retry_after=90))

    with pytest.raises(ProviderThrottled) as caught:
        emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now)

    assert caught.value.retry_after == 90
    row = Notification.objects.get()
    assert (row.status, row.error_code) == (Status.PENDING, "throttled")


@pytest.mark.parametrize("status", [401, 402, 403])
def test_an_email_waits_while_brevo_rejects_our_account(status, brevo_sandbox, now):
    order = make_order()
    brevo_sandbox.faults(fault("error", status=status))

    with pytest.raises(AccountRejected):
        emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now)
    assert Notification.objects.get().status == Status.PENDING
    assert emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now + dt.timedelta(days=2))

    assert len(brevo_sandbox.records("mails")) == 1


def test_a_rejected_email_fails_until_a_redrive_after_the_fix(brevo_sandbox, now, settings):
    order = make_order()
    settings.SENDER_EMAIL = "not an address"
    with pytest.raises(ProviderRejected) as caught:
        emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now)
    row = Notification.objects.get()
    assert (row.status, row.error_code) == (Status.FAILED, "rejected:invalid_parameter")
    assert "Ann" not in str(caught.value)
    assert "address" not in str(caught.value)

    settings.SENDER_EMAIL = "shop@example.com"
    assert emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now + dt.timedelta(days=2))
    assert len(brevo_sandbox.records("mails")) == 1
    assert Notification.objects.get().idempotency_key != row.idempotency_key


@pytest.mark.parametrize(
    ("reason", "stops"),
    [("hard_bounce", True), ("invalid_email", True), ("spam", True), ("blocked", False), ("unsubscribed", False)],
)
def test_some_suppressions_stop_an_email(reason, stops, brevo_sandbox, now):
    order = make_order()
    Suppression.objects.create(channel=Channel.EMAIL, address_key="ann.lee@example.com", reason=reason)

    assert emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now) is not stops

    assert len(brevo_sandbox.records("mails")) == (0 if stops else 1)
    assert Notification.objects.get().error_code == (reason if stops else "")


def test_an_unknown_order_is_an_error(brevo_sandbox, now):
    with pytest.raises(orders.OrderNotFound):
        emails.send(kind=Kind.WELCOME, order_id="018f0000-0000-7000-8000-000000000000", at=now)


def test_an_order_that_is_paid_gets_one_receipt(brevo_sandbox, now):
    first = make_order()
    renewal = make_order(subscription=first.subscription, customer=first.customer)
    unpaid = make_order(subscription=first.subscription, customer=first.customer, status="payment_failed")

    sent = [emails.send_receipt(order_id=order.pk, at=now) for order in (first, first, renewal, renewal, unpaid)]

    assert sent == [True, False, True, False, False]
    assert [mail["tags"] for mail in brevo_sandbox.records("mails")] == [["receipt"], ["welcome"]]
    assert Notification.objects.get(order=unpaid).error_code == "order_not_paid"
