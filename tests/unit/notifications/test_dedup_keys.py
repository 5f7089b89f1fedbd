"""Several messages of a kind about one order: each dedup_key once, and none that is no longer news."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.db import IntegrityError, transaction

from charges import queries as charges
from charges.models import Charge, ChargeAttempt, DunningRun, DunningStep, Refund
from charges.payment_links import payment_link
from notifications.models import Channel, Notification
from notifications.operations import emails, sms
from notifications.operations.dedup_keys import DedupKey
from orders.models import Order
from tests.support.concurrency import at_once
from tests.support.factories import make_order

pytestmark = pytest.mark.django_db(transaction=True)  # session locks stand outside transactions

Kind, Status = Notification.Kind, Notification.Status
DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def charged(order, *, status="failed") -> Charge:
    paid = {"succeeded_at": START, "payment_intent_id": f"pi_{order.number}"} if status == "succeeded" else {}
    return Charge.objects.create(
        order=order, amount=order.amount, currency=order.currency, payment_method="pm_1", status=status, **paid
    )


def attempted(charge: Charge, number: int, *, status="declined", code="", at=START) -> ChargeAttempt:
    return charge.attempts.create(
        number=number,
        idempotency_key=f"{charge.pk}:{number}",
        payment_method="pm_1",
        status=status,
        code=code,
        started_at=at,
        finished_at=None if status in ChargeAttempt.OPEN else at,
    )


def dunned(order, *, status="active", policy="cancel", ended_at=None) -> DunningRun:
    return DunningRun.objects.create(
        order=order, status=status, schedule=[3, 5], unpaid_policy=policy, started_at=START, ended_at=ended_at
    )


def reminded(run: DunningRun, number: int, *, at) -> DunningStep:
    return run.steps.create(number=number, status="reminded", due_at=at, done_at=at)


def refunded(order, *, amount=500, status="succeeded", origin="staff") -> Refund:
    charge = Charge.objects.filter(order=order).first() or charged(order, status="succeeded")
    return Refund.objects.create(
        charge=charge,
        amount=amount,
        status=status,
        origin=origin,
        stripe_id=f"re_{uuid.uuid4().hex}",
        succeeded_at=START,
        failed_at=START if status == "failed" else None,
    )


def tell(kind, order, at, **about) -> bool:
    return emails.send(kind=kind, order_id=order.pk, dedup_key=DedupKey(**about), at=at)


def outcome(**fields) -> tuple[str, str]:
    row = Notification.objects.get(**fields)
    return (row.status, row.error_code)


def test_each_occasion_is_told_once(brevo_sandbox, now):
    order = make_order(status="payment_failed")

    told = [tell(Kind.PAYMENT_FAILED, order, now, attempt_number=number) for number in (1, 1, 2, 2, 3)]

    assert told == [True, False, True, False, True]
    assert len(brevo_sandbox.records("mails")) == 3
    assert set(Notification.objects.values_list("dedup_key", flat=True)) == {"attempt-1", "attempt-2", "attempt-3"}


def test_three_deliveries_of_one_occasion_at_once_are_one_mail(brevo_sandbox, now):
    order = make_order(status="payment_failed")

    outcomes = at_once(lambda: tell(Kind.PAYMENT_REMINDER, order, now, step_number=2), times=3)

    assert sorted(outcomes) == [False, False, True]
    assert len(brevo_sandbox.records("mails")) == 1


def test_the_database_keeps_one_row_of_each_dedup_key():
    order = make_order()
    row = {"kind": "payment_failed", "channel": "email", "order": order, "customer": order.customer}
    Notification.objects.create(**row, dedup_key="attempt-1")
    Notification.objects.create(**row, dedup_key="attempt-2")
    with pytest.raises(IntegrityError, match="notification_once_per_dedup_key"), transaction.atomic():
        Notification.objects.create(**row, dedup_key="attempt-1")


@pytest.mark.parametrize(
    ("about", "key"),
    [
        ({}, ""),
        ({"attempt_number": 0}, ""),
        ({"attempt_number": 3}, "attempt-3"),
        ({"step_number": 2}, "step-2"),
        ({"refund_id": uuid.UUID(int=7)}, str(uuid.UUID(int=7))),
        ({"request": "r" * 200}, "r" * 100),
    ],
)
def test_the_key_of_an_dedup_key(about, key):
    assert DedupKey(**about).value == key


@pytest.mark.parametrize("later", ["declined", "started", "unknown", "processing", "requires_action"])
def test_a_later_attempt_supersedes(later, brevo_sandbox, now):
    order = make_order(status="payment_failed")
    charge = charged(order)
    attempted(charge, 1)
    attempted(charge, 2, status=later, at=START + DAY)

    assert not tell(Kind.PAYMENT_FAILED, order, now, attempt_number=1)
    assert not sms.send(kind=Kind.PAYMENT_FAILED, order_id=order.pk, dedup_key=DedupKey(attempt_number=1), at=now)

    assert brevo_sandbox.calls("brevo") == []
    assert outcome(channel=Channel.EMAIL) == outcome(channel=Channel.SMS) == (Status.SKIPPED, "superseded")


@pytest.mark.parametrize(
    ("status", "code"), [("refused", "resource_missing"), ("without_effect", ""), ("canceled", "")]
)
def test_what_the_customer_is_not_told_of_supersedes_nothing(status, code, brevo_sandbox, now):
    order = make_order(status="payment_failed")
    charge = charged(order)
    attempted(charge, 1)
    attempted(charge, 2, status=status, code=code, at=START + DAY)

    assert tell(Kind.PAYMENT_FAILED, order, now, attempt_number=1)


def test_the_end_of_dunning_and_a_reminder_supersede_the_attempt_before(brevo_sandbox, now):
    order = make_order(status="payment_failed")
    attempted(charged(order), 1)
    run = dunned(order)
    reminded(run, 1, at=START + DAY)
    assert not tell(Kind.PAYMENT_FAILED, order, now, attempt_number=1)
    assert tell(Kind.PAYMENT_REMINDER, order, now, step_number=1)

    reminded(run, 2, at=START + 2 * DAY)
    assert not tell(Kind.PAYMENT_REMINDER, order, now, step_number=1)  # it was sent
    DunningRun.objects.update(status="exhausted", unpaid_policy="past_due", ended_at=START + 3 * DAY)
    assert not tell(Kind.PAYMENT_REMINDER, order, now, step_number=2)
    assert outcome(dedup_key="step-2") == (Status.SKIPPED, "superseded")
    assert tell(Kind.DUNNING_EXHAUSTED, order, now)


def test_a_card_that_fails_after_the_end_of_dunning_is_told(brevo_sandbox, now):
    order = make_order(status="payment_failed")
    charge = charged(order)
    attempted(charge, 1)
    dunned(order, status="exhausted", policy="past_due", ended_at=START)
    attempted(charge, 2, at=START + DAY)

    assert not tell(Kind.PAYMENT_FAILED, order, now, attempt_number=1)
    assert tell(Kind.PAYMENT_FAILED, order, now, attempt_number=2)


def test_a_reminder_is_superseded_by_the_card_that_was_given_after_it(brevo_sandbox, now):
    order = make_order(status="payment_failed")
    charge = charged(order)
    attempted(charge, 1)
    reminded(dunned(order), 1, at=START + DAY)
    attempted(charge, 2, at=START + 2 * DAY)

    assert not tell(Kind.PAYMENT_REMINDER, order, now, step_number=1)
    assert tell(Kind.PAYMENT_FAILED, order, now, attempt_number=2)


@pytest.mark.parametrize(
    ("status", "words"), [("payment_failed", "with another card"), ("requires_action", "confirm the payment")]
)
def test_a_reminder_asks_for_what_the_order_needs_when_it_is_sent(status, words, brevo_sandbox, now):
    order = make_order(status=status)
    assert tell(Kind.PAYMENT_REMINDER, order, now, step_number=1)
    assert f"Here you can {words}" in brevo_sandbox.records("mails")[0]["textContent"].replace("pay with", "with")


def test_a_planned_try_is_announced(brevo_sandbox):
    order = make_order(status="payment_failed")
    attempted(charged(order), 1, code="insufficient_funds")
    dunned(order).steps.create(number=1, due_at=START + 3 * DAY)

    tell(Kind.PAYMENT_FAILED, order, START, attempt_number=1)
    Notification.objects.all().delete()
    tell(Kind.PAYMENT_FAILED, order, START + 4 * DAY, attempt_number=1)  # overdue: nothing is promised

    promised = ["On November 26, 2026" in mail["textContent"] for mail in brevo_sandbox.records("mails")]
    assert sorted(promised) == [False, True]


def test_the_link_is_in_the_mail_and_nowhere_else(brevo_sandbox, now, caplog, settings):
    order = make_order(status="payment_failed")
    caplog.set_level("DEBUG")

    assert tell(Kind.PAYMENT_LINK, order, now, request="r-1")
    assert tell(Kind.PAYMENT_LINK, order, now, request="r-2")

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
def test_the_end_of_dunning_is_told_by_the_policy(policy, status, words, brevo_sandbox, now):
    order = make_order(status=status)
    dunned(order, status="exhausted", policy=policy, ended_at=START)

    assert [tell(Kind.DUNNING_EXHAUSTED, order, now) for _ in range(2)] == [True, False]

    [mail] = brevo_sandbox.records("mails")
    assert words in mail["textContent"]
    assert ("/pay/" in mail["textContent"]) is (policy == "past_due")
    assert ("waiting for you to confirm" in mail["textContent"]) is (status == "requires_action")


@pytest.mark.parametrize(
    ("run", "status", "reason"),
    [
        ({"policy": "past_due", "status": "exhausted", "ended_at": START}, "paid", "order_paid"),
        ({"policy": "past_due", "status": "exhausted", "ended_at": START}, "canceled", "order_canceled"),
        ({"policy": "cancel", "status": "exhausted", "ended_at": START}, "refunded", "order_refunded"),
        ({"status": "active"}, "payment_failed", "dunning_active"),
        ({"status": "recovered", "ended_at": START}, "paid", "dunning_recovered"),
    ],
)
def test_no_end_of_dunning_is_told_that_is_none(run, status, reason, brevo_sandbox, now):
    order = make_order(status=status)
    dunned(order, **run)

    assert not tell(Kind.DUNNING_EXHAUSTED, order, now)
    assert outcome() == (Status.SKIPPED, reason)


@pytest.mark.parametrize("status", ["refunded", "partially_refunded", "canceled", "fulfilled"])
def test_every_refund_is_told_with_its_own_amount_whatever_the_order_is(status, brevo_sandbox, now):
    order = make_order()
    first, second = refunded(order, amount=500), refunded(order, amount=790)
    Order.objects.update(status=status)

    told = [tell(Kind.REFUND_SUCCEEDED, order, now, refund_id=one.pk) for one in (first, first, second)]

    assert told == [True, False, True]
    texts = " ".join(mail["textContent"] for mail in brevo_sandbox.records("mails"))
    assert "refunded €5.00" in texts
    assert "refunded €7.90" in texts


def test_a_refund_that_came_back_is_told_and_no_longer_as_a_success(brevo_sandbox, now):
    order = make_order()
    refund = refunded(order, status="failed")

    assert not tell(Kind.REFUND_SUCCEEDED, order, now, refund_id=refund.pk)
    assert tell(Kind.REFUND_FAILED, order, now, refund_id=refund.pk)

    assert outcome(kind="refund_succeeded") == (Status.SKIPPED, "refund_failed")
    assert [mail["tags"] for mail in brevo_sandbox.records("mails")] == [["refund_failed"]]


def test_money_that_came_too_late_is_explained(brevo_sandbox, now):
    order = make_order()
    refund = refunded(order, amount=order.amount, origin="shop")
    Order.objects.update(status="canceled")

    assert tell(Kind.REFUND_SUCCEEDED, order, now, refund_id=refund.pk)
    text = brevo_sandbox.records("mails")[0]["textContent"]
    assert "canceled already" in text
    assert "the whole amount" in text


def test_a_refund_of_another_order_is_told_to_nobody(brevo_sandbox, now):
    refund = refunded(make_order())
    stranger = make_order(customer={"email": "b@example.com"}, start=START + DAY)

    with pytest.raises(charges.RefundNotFound):
        tell(Kind.REFUND_SUCCEEDED, stranger, now, refund_id=refund.pk)
    assert brevo_sandbox.calls("brevo") == []


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        (Kind.PAYMENT_FAILED, "payment_failed", "did not go through"),
        (Kind.PAYMENT_ACTION_REQUIRED, "requires_action", "your bank asks you to confirm"),
    ],
)
def test_a_payment_in_trouble_is_told_by_sms_to_who_asked_for_that(kind, status, words, brevo_sandbox, now):
    for consent in (True, False):
        customer = {"email": f"{consent}@example.com", "sms_consent": consent}
        order = make_order(status=status, customer=customer, start=START + consent * DAY)
        assert sms.send(kind=kind, order_id=order.pk, dedup_key=DedupKey(attempt_number=1), at=now) is consent

    [message] = brevo_sandbox.records("sms")
    assert words in message["content"]
    assert (message["smsCount"], "http" in message["content"]) == (1, False)
