from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError, transaction

from notifications.models import Notification
from notifications.operations.dedup_keys import DedupKey
from tests.support.concurrency import at_once
from tests.support.factories import make_order
from tests.support.message_facts import send

pytestmark = pytest.mark.django_db(transaction=True)  # session locks need real commits

Kind, Status = Notification.Kind, Notification.Status


def test_each_dedup_key_is_sent_once(brevo_sandbox, now):
    order = make_order(status="payment_failed")

    sent = [send(Kind.PAYMENT_FAILED, order, now, attempt_number=number) for number in (1, 1, 2, 2, 3)]

    assert sent == [True, False, True, False, True]
    assert len(brevo_sandbox.records("mails")) == 3
    assert set(Notification.objects.values_list("dedup_key", flat=True)) == {"attempt-1", "attempt-2", "attempt-3"}


def test_three_concurrent_deliveries_with_one_dedup_key_send_one_email(brevo_sandbox, now):
    order = make_order(status="payment_failed")

    outcomes = at_once(lambda: send(Kind.PAYMENT_REMINDER, order, now, step_number=2), times=3)

    assert sorted(outcomes) == [False, False, True]
    assert len(brevo_sandbox.records("mails")) == 1


def test_the_database_allows_one_row_per_dedup_key():
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
def test_the_value_of_a_dedup_key(about, key):
    assert DedupKey(**about).value == key
