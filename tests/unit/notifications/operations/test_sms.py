from __future__ import annotations

import datetime as dt

import pytest

from integrations.errors import ProviderRejected, ProviderThrottled, ProviderUnavailable
from notifications.models import Channel, Notification, Suppression
from notifications.operations import claims, sms
from notifications.operations.dedup_keys import DedupKey
from tests.support.concurrency import at_once
from tests.support.factories import make_order
from tests.support.message_facts import DAY, START

pytestmark = pytest.mark.django_db(transaction=True)  # session locks need real commits

Kind, Status = Notification.Kind, Notification.Status


def fault(kind: str, **more) -> dict:
    return {"provider": "brevo", "path": "/v3/transactionalSMS/send", "kind": kind, "times": 1, **more}


def send(order, at) -> bool:
    return sms.send(kind=Kind.ORDER_PAID, order_id=order.pk, at=at)


def test_an_sms_arrives_in_one_part(brevo_sandbox, now):
    order = make_order()

    assert send(order, now)

    [message] = brevo_sandbox.records("sms")
    row = Notification.objects.get()
    assert message["recipient"] == "4915112345678"
    assert message["content"] == (
        f"Corner Shop: your payment of 12.90 EUR for order {order.number} has arrived. Thank you!"
    )
    assert message["smsCount"] == 1
    assert message["tag"] == str(row.pk)
    assert (row.status, row.provider_message_id) == (Status.SENT, str(message["messageId"]))


def test_three_concurrent_deliveries_send_one_sms(brevo_sandbox, now):
    order = make_order()

    outcomes = at_once(lambda: send(order, now), times=3)

    assert sorted(outcomes) == [False, False, True]
    assert len(brevo_sandbox.records("sms")) == 1


@pytest.mark.parametrize(
    ("customer", "reason"),
    [({"sms_consent": False}, "no_consent"), ({"phone": ""}, "no_phone")],
)
def test_without_consent_or_phone_no_sms_is_sent(customer, reason, brevo_sandbox, now):
    order = make_order(customer=customer)

    assert not send(order, now)

    assert brevo_sandbox.calls("brevo") == []
    row = Notification.objects.get()
    assert (row.status, row.error_code) == (Status.SKIPPED, reason)


def test_no_sms_is_sent_after_stop(brevo_sandbox, now):
    order = make_order()
    Suppression.objects.create(channel=Channel.SMS, address_key="4915112345678", reason="unsubscribed")

    assert not send(order, now)
    assert brevo_sandbox.records("sms") == []


@pytest.mark.parametrize("kind", ["drop", "error", "drop_after_effect", "error_after_effect", "non_json"])
def test_an_unclear_outcome_is_unknown_and_never_sent_again(kind, brevo_sandbox, now):
    order = make_order()
    brevo_sandbox.faults(fault(kind))

    assert not send(order, now)
    for minutes in (0, 6, 31, 60 * 24):
        assert not send(order, now + dt.timedelta(minutes=minutes))

    assert len(brevo_sandbox.calls("brevo", "SMS")) == 1
    row = Notification.objects.get()
    assert (row.status, row.error_code) == (Status.UNKNOWN, "outcome_unknown")


class Killed(BaseException):
    """Stands for a worker that was killed."""


def test_if_the_worker_dies_before_the_commit_the_outcome_is_unknown(brevo_sandbox, now, monkeypatch):
    order = make_order()

    def die(**_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(claims, "record_sent", die)
        with pytest.raises(Killed):
            send(order, now)
    assert Notification.objects.get().status == Status.SENDING
    assert not send(order, now)

    assert len(brevo_sandbox.records("sms")) == 1
    assert Notification.objects.get().status == Status.UNKNOWN


def test_a_refused_connection_is_retried(brevo_sandbox, now, settings):
    order = make_order()
    settings.BREVO_API_BASE = "http://127.0.0.1:9/v3"
    with pytest.raises(ProviderUnavailable):
        send(order, now)
    assert Notification.objects.get().status == Status.PENDING

    settings.BREVO_API_BASE = f"{brevo_sandbox.url}/brevo/v3"
    assert send(order, now)
    assert len(brevo_sandbox.records("sms")) == 1


@pytest.mark.parametrize(("status", "error"), [(429, ProviderThrottled), (402, ProviderUnavailable)])
def test_a_request_that_brevo_did_not_process_is_retried(status, error, brevo_sandbox, now):
    order = make_order()
    brevo_sandbox.faults(fault("error", status=status))

    with pytest.raises(error):
        send(order, now)
    assert send(order, now)

    assert len(brevo_sandbox.records("sms")) == 1


def test_a_rejected_sms_fails_for_good(brevo_sandbox, now, settings):
    order = make_order()
    settings.SMS_SENDER = "No such sender!"

    with pytest.raises(ProviderRejected):
        send(order, now)

    row = Notification.objects.get()
    assert (row.status, row.error_code) == (Status.FAILED, "rejected:invalid_parameter")


def test_another_script_is_sent_unchanged(brevo_sandbox, now, settings):
    settings.SHOP_NAME = "Магазин"
    order = make_order()

    send(order, now)

    assert brevo_sandbox.records("sms")[0]["content"].startswith("Магазин: your payment")


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        (Kind.PAYMENT_FAILED, "payment_failed", "did not go through"),
        (Kind.PAYMENT_ACTION_REQUIRED, "requires_action", "your bank asks you to confirm"),
    ],
)
def test_payment_problems_are_sent_by_sms_only_with_consent(kind, status, words, brevo_sandbox, now):
    for consent in (True, False):
        customer = {"email": f"{consent}@example.com", "sms_consent": consent}
        order = make_order(status=status, customer=customer, start=START + consent * DAY)
        assert sms.send(kind=kind, order_id=order.pk, dedup_key=DedupKey(attempt_number=1), at=now) is consent

    [message] = brevo_sandbox.records("sms")
    assert words in message["content"]
    assert (message["smsCount"], "http" in message["content"]) == (1, False)
