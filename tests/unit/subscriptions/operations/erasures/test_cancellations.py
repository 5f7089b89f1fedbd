from __future__ import annotations

from typing import Any

from subscriptions.models import Subscription, SubscriptionChange
from subscriptions.operations.erasures.cancellations import cancel_subscriptions
from tests.support.days import NOW
from tests.support.erasures import request_erasure
from tests.support.factories import make_customer, make_plan, started_subscription
from tests.support.subscriptions import put_in_status


def test_each_running_subscription_is_canceled_once(transactional_db: None, coffee: Any) -> None:
    ann, bob = make_customer(), make_customer(email="bob@example.com")
    for status in ("active", "paused", "trialing", "canceled"):
        put_in_status(status, subscription=started_subscription(make_plan(), customer=ann))
    others = started_subscription(coffee, customer=bob)
    put_in_status("active", subscription=others)

    erasure = request_erasure(ann)

    assert set(Subscription.objects.filter(customer=ann).values_list("status", flat=True)) == {"canceled"}
    others.refresh_from_db()
    assert others.status == "active"
    changes = SubscriptionChange.objects.filter(kind="canceled", reason="erasure")
    assert set(changes.values_list("actor_kind", "actor")) == {("customer", str(ann.pk))}
    assert changes.count() == 3
    assert cancel_subscriptions(erasure=erasure, at=NOW) == 0
