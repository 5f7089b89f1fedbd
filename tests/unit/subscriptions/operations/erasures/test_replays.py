from __future__ import annotations

import datetime as dt
import uuid

import pytest

from subscriptions.models import Customer, Erasure
from subscriptions.operations.erasures import replays
from tests.support.days import NOW
from tests.support.erasures import request_erasure
from tests.support.factories import make_customer

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_list_holds_the_ids_since_a_time_oldest_first() -> None:
    ann, bob = make_customer(), make_customer(email="bob@example.com")
    make_customer(email="carl@example.com")
    request_erasure(bob, at=NOW - dt.timedelta(days=2))
    request_erasure(ann, at=NOW)
    assert list(replays.erased_customers(since=None)) == [bob.pk, ann.pk]
    assert list(replays.erased_customers(since=NOW)) == [ann.pk]


def test_a_restored_customer_is_erased_again_and_the_others_are_left_alone() -> None:
    ann, bob, carl = (make_customer(email=f"{name}@example.com") for name in ("ann", "bob", "carl"))
    request_erasure(bob)
    unknown = uuid.uuid4()

    done = replays.replay(customer_ids=[ann.pk, bob.pk, unknown], at=NOW)

    assert (done.again, done.before, done.unknown) == ([ann.pk], [bob.pk], [unknown])
    assert Erasure.objects.get(customer=ann).export == Erasure.Export.REPLAY
    assert list(Customer.objects.filter(erased_at=None)) == [carl]
    assert replays.replay(customer_ids=[ann.pk], at=NOW).before == [ann.pk]


def test_a_list_is_read_without_empty_lines_and_comments() -> None:
    id = uuid.uuid4()
    assert replays.read_list(["# since November", "", f" {id} "]) == [id]
    with pytest.raises(replays.BadList, match="Line 2 "):
        replays.read_list([str(id), "ann@example.com"])
