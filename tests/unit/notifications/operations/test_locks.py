from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import transaction

from notifications.models import Channel, Notification
from notifications.operations import locks
from tests.support.concurrency import at_once, in_thread, wait_until_blocked
from tests.support.factories import make_order

pytestmark = pytest.mark.django_db(transaction=True)  # other connections must see the rows

Kind = Notification.Kind


def get_or_create(order, *, dedup_key="") -> Notification:
    with transaction.atomic():
        return locks.get_or_create_locked_notification(
            kind=Kind.WELCOME, channel=Channel.EMAIL, order=order, dedup_key=dedup_key
        )


def test_concurrent_workers_create_one_row_per_dedup_key():
    order = make_order()
    rows = at_once(lambda: get_or_create(order), times=4)
    assert {row.pk for row in rows} == {Notification.objects.get().pk}
    assert get_or_create(order, dedup_key="attempt-1").pk != rows[0].pk


@pytest.mark.parametrize(
    "lock",
    [
        lambda row: locks.locked_notification(notification_id=row.pk),
        lambda row: locks.get_or_create_locked_notification(
            kind=Kind(row.kind), channel=Channel(row.channel), order=row.order, dedup_key=row.dedup_key
        ),
        lambda row: locks.find_locked_notification(
            channel=Channel(row.channel), ids=[row.pk], provider_message_id=""
        ),
        lambda row: locks.find_locked_notification(
            channel=Channel(row.channel), ids=[], provider_message_id=row.provider_message_id
        ),
    ],
    ids=["by id", "by dedup key", "by our id in an event", "by the provider's id"],
)
def test_a_second_transaction_waits_for_the_row(lock):
    row = get_or_create(make_order())
    Notification.objects.filter(pk=row.pk).update(provider_message_id="<m@relay>")
    row.refresh_from_db()
    delays: list[int] = []

    def count_delay() -> None:
        with transaction.atomic():
            delays.append(lock(row).delays)

    with transaction.atomic():
        first = lock(row)
        thread = in_thread(count_delay)
        wait_until_blocked(thread)
        first.delays = 7
        first.save()
    thread.join(10)
    assert delays == [7]


def test_our_id_is_preferred_to_the_providers():
    ours, other = get_or_create(make_order()), get_or_create(make_order(customer={"email": "b@example.com"}))
    Notification.objects.filter(pk=other.pk).update(provider_message_id="<m@relay>")
    with transaction.atomic():
        found = locks.find_locked_notification(channel=Channel.EMAIL, ids=[ours.pk], provider_message_id="<m@relay>")
        assert found == ours
        found = locks.find_locked_notification(channel=Channel.EMAIL, ids=[uuid4()], provider_message_id="<m@relay>")
        assert found == other
        assert locks.find_locked_notification(channel=Channel.SMS, ids=[ours.pk], provider_message_id="") is None
