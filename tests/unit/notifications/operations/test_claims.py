from __future__ import annotations

import datetime as dt

import pytest

from notifications.models import Channel, Notification
from notifications.operations import claims
from notifications.operations.dedup_keys import DedupKey
from orders.models import Order
from tests.support.factories import make_order

pytestmark = pytest.mark.django_db(transaction=True)  # each claim is a transaction of its own

Kind, Status = Notification.Kind, Notification.Status
WINDOW = dt.timedelta(minutes=30)


def claim(order, at, *, resend_within=WINDOW) -> claims.ClaimedMessage | None:
    return claims.claim(kind=Kind.WELCOME, channel=Channel.EMAIL, order=order, at=at, resend_within=resend_within)


def test_a_first_claim_is_committed_with_a_new_key(now):
    claimed = claim(make_order(), now)
    row = Notification.objects.get()
    assert claimed is not None
    assert not claimed.again
    assert (row.status, row.first_attempted_at) == (Status.SENDING, now)
    assert row.idempotency_key == claimed.notification.idempotency_key


def test_a_second_claim_within_the_window_keeps_the_key(now):
    order = make_order()
    first, second = claim(order, now), claim(order, now + WINDOW)
    assert first is not None
    assert second is not None
    assert second.again
    assert second.notification.idempotency_key == first.notification.idempotency_key


@pytest.mark.parametrize("resend_within", [WINDOW, None])
def test_a_second_claim_after_the_window_gives_up(resend_within, now):
    order = make_order()
    claim(order, now)
    late = now + WINDOW + dt.timedelta(seconds=1)
    assert claim(order, late, resend_within=resend_within) is None
    row = Notification.objects.get()
    assert (row.status, row.error_code) == (Status.UNKNOWN, "outcome_unknown")


def test_a_message_with_a_reason_is_skipped_and_can_be_claimed_later(now):
    order = make_order(status=Order.Status.PENDING_PAYMENT)
    assert claim(order, now) is None
    assert Notification.objects.get().error_code == "order_not_paid"
    Order.objects.update(status=Order.Status.PAID, paid_at=now)
    order.refresh_from_db()
    assert claim(order, now) is not None


@pytest.mark.parametrize("status", ["sent", "delivered", "bounced", "unknown"])
def test_a_settled_message_is_not_claimed(status, now):
    order = make_order()
    claim(order, now)
    Notification.objects.update(status=status, sent_at=now)
    assert claim(order, now) is None
    assert Notification.objects.get().status == status


def test_a_certain_failure_opens_the_message_again(now):
    order = make_order()
    claims.record_not_sent(claimed=claim(order, now), error_code="throttled")
    row = Notification.objects.get()
    assert (row.status, row.error_code, row.first_attempted_at) == (Status.PENDING, "throttled", None)


def test_a_certain_failure_after_an_unclear_attempt_does_not_open_it(now):
    order = make_order()
    claims.record_unclear(claimed=claim(order, now), error_code="outcome_unknown", give_up=False)
    claims.record_not_sent(claimed=claim(order, now), error_code="throttled")
    row = Notification.objects.get()
    assert (row.status, row.error_code, row.first_attempted_at) == (Status.SENDING, "throttled", now)


def test_a_late_outcome_keeps_what_the_webhook_reported(now):
    claimed = claim(make_order(), now)
    Notification.objects.update(status=Status.BOUNCED, error_code="hard_bounce", provider_message_id="<m@relay>")

    claims.record_not_sent(claimed=claimed, error_code="throttled")
    claims.record_rejected(claimed=claimed, error_code="rejected")
    claims.record_unclear(claimed=claimed, error_code="outcome_unknown", give_up=True)
    claims.record_sent(claimed=claimed, message_id="", at=now)

    row = Notification.objects.get()
    assert (row.status, row.error_code, row.provider_message_id) == (Status.BOUNCED, "hard_bounce", "<m@relay>")
    assert row.sent_at == now


def test_each_message_has_a_lock_name_of_its_own():
    order_id = "018f0000-0000-7000-8000-000000000000"
    names = {
        claims.lock_name(kind=kind, channel=channel, order_id=order_id, dedup_key=dedup_key)
        for kind in (Kind.WELCOME, Kind.PAYMENT_FAILED)
        for channel in Channel
        for dedup_key in (DedupKey(), DedupKey(attempt_number=1), DedupKey(step_number=1))
    }
    assert len(names) == 12
