from __future__ import annotations

import pytest

from charges.models import DunningRun
from notifications.models import Channel, Notification
from notifications.operations import sms
from notifications.operations.dedup_keys import DedupKey
from tests.support.factories import make_order
from tests.support.message_facts import (
    DAY,
    START,
    attempt_at,
    charge_for,
    dunning_run,
    outcome_of,
    refund_for,
    remind,
    send,
)

pytestmark = pytest.mark.django_db(transaction=True)  # session locks need real commits

Kind, Status = Notification.Kind, Notification.Status


@pytest.mark.parametrize("later", ["declined", "started", "unknown", "processing", "requires_action"])
def test_a_newer_attempt_supersedes_the_message_about_an_older_one(later, brevo_sandbox, now):
    order = make_order(status="payment_failed")
    charge = charge_for(order)
    attempt_at(charge, 1)
    attempt_at(charge, 2, status=later, at=START + DAY)

    assert not send(Kind.PAYMENT_FAILED, order, now, attempt_number=1)
    assert not sms.send(kind=Kind.PAYMENT_FAILED, order_id=order.pk, dedup_key=DedupKey(attempt_number=1), at=now)

    assert brevo_sandbox.calls("brevo") == []
    assert outcome_of(channel=Channel.EMAIL) == outcome_of(channel=Channel.SMS) == (Status.SKIPPED, "superseded")


@pytest.mark.parametrize(
    ("status", "code"), [("rejected", "resource_missing"), ("without_effect", ""), ("canceled", "")]
)
def test_an_attempt_without_a_message_supersedes_nothing(status, code, brevo_sandbox, now):
    order = make_order(status="payment_failed")
    charge = charge_for(order)
    attempt_at(charge, 1)
    attempt_at(charge, 2, status=status, code=code, at=START + DAY)

    assert send(Kind.PAYMENT_FAILED, order, now, attempt_number=1)


def test_a_reminder_and_the_end_of_dunning_supersede_earlier_messages(brevo_sandbox, now):
    order = make_order(status="payment_failed")
    attempt_at(charge_for(order), 1)
    run = dunning_run(order)
    remind(run, 1, at=START + DAY)
    assert not send(Kind.PAYMENT_FAILED, order, now, attempt_number=1)
    assert send(Kind.PAYMENT_REMINDER, order, now, step_number=1)

    remind(run, 2, at=START + 2 * DAY)
    assert not send(Kind.PAYMENT_REMINDER, order, now, step_number=1)  # it was sent
    DunningRun.objects.update(status="exhausted", unpaid_policy="past_due", ended_at=START + 3 * DAY)
    assert not send(Kind.PAYMENT_REMINDER, order, now, step_number=2)
    assert outcome_of(dedup_key="step-2") == (Status.SKIPPED, "superseded")
    assert send(Kind.DUNNING_EXHAUSTED, order, now)


def test_a_decline_after_the_end_of_dunning_is_sent(brevo_sandbox, now):
    order = make_order(status="payment_failed")
    charge = charge_for(order)
    attempt_at(charge, 1)
    dunning_run(order, status="exhausted", policy="past_due", ended_at=START)
    attempt_at(charge, 2, at=START + DAY)

    assert not send(Kind.PAYMENT_FAILED, order, now, attempt_number=1)
    assert send(Kind.PAYMENT_FAILED, order, now, attempt_number=2)


def test_a_newer_card_supersedes_the_reminder(brevo_sandbox, now):
    order = make_order(status="payment_failed")
    charge = charge_for(order)
    attempt_at(charge, 1)
    remind(dunning_run(order), 1, at=START + DAY)
    attempt_at(charge, 2, at=START + 2 * DAY)

    assert not send(Kind.PAYMENT_REMINDER, order, now, step_number=1)
    assert send(Kind.PAYMENT_FAILED, order, now, attempt_number=2)


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
def test_the_end_of_dunning_is_sent_only_if_it_is_still_true(run, status, reason, brevo_sandbox, now):
    order = make_order(status=status)
    dunning_run(order, **run)

    assert not send(Kind.DUNNING_EXHAUSTED, order, now)
    assert outcome_of() == (Status.SKIPPED, reason)


def test_a_failed_refund_is_not_sent_as_a_success(brevo_sandbox, now):
    order = make_order()
    refund = refund_for(order, status="failed")

    assert not send(Kind.REFUND_SUCCEEDED, order, now, refund_id=refund.pk)
    assert send(Kind.REFUND_FAILED, order, now, refund_id=refund.pk)

    assert outcome_of(kind="refund_succeeded") == (Status.SKIPPED, "refund_failed")
    assert [mail["tags"] for mail in brevo_sandbox.records("mails")] == [["refund_failed"]]
