"""Lost messages are found: about periods whose order was not placed, and about changes that were not paid in time."""

from __future__ import annotations

import datetime as dt

import pytest

from integrations.outbox.models import OutboxMessage
from integrations.outbox.recovery import Window
from orders.operations.plan_changes.dropping import drop_unpaid
from orders.operations.recovery import late_changes, renewals_not_placed
from orders.operations.renewals import place_renewal
from subscriptions.models import Plan, Subscription
from subscriptions.operations import renewals, subscriptions
from tests.support.factories import started_subscription
from tests.support.plan_changes import change, paid_subscription
from tests.support.subscriptions import TESTS

pytestmark = pytest.mark.django_db(transaction=True)

START = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
DUE = dt.datetime(2026, 2, 28, 10, tzinfo=dt.UTC)
WINDOW = Window(at=DUE + dt.timedelta(hours=12), batch=10)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    started = started_subscription(coffee, at=START)
    subscriptions.activate(subscription=started, actor=TESTS, at=START)
    renewals.begin_due_renewals(at=DUE)
    return started


def found() -> list[int]:
    return [event.period_number for event in renewals_not_placed(WINDOW)]


def test_a_renewal_whose_message_was_lost_is_found_until_its_order_is_placed(subscription: Subscription) -> None:
    assert found() == [], "its message still waits"
    OutboxMessage.objects.all().delete()
    assert found() == [1]

    place_renewal(subscription_id=subscription.pk, period_number=1, at=DUE)
    assert found() == []


@pytest.mark.parametrize("status", ["paused", "canceled"])
def test_a_subscription_that_must_not_be_billed_is_left_alone(subscription: Subscription, status: str) -> None:
    OutboxMessage.objects.all().delete()
    Subscription.objects.update(status=status, canceled_at=DUE, renews_at=None)
    assert found() == []


def test_an_unpaid_change_whose_message_was_lost_is_found_after_a_day(coffee: Plan) -> None:
    at = START + dt.timedelta(days=5)
    order = change(paid_subscription(coffee, at=START), at=at, quantity=3).order
    assert order is not None
    early, late = (Window(at=at + dt.timedelta(hours=hours), batch=10) for hours in (24, 36))
    assert late_changes(late) == [], "its message still waits"
    OutboxMessage.objects.all().delete()
    assert late_changes(early) == []
    assert [event.subject_id for event in late_changes(late)] == [order.pk]

    drop_unpaid(order_id=order.pk, at=late.at)
    assert late_changes(late) == []
