"""The extension of a trial moves the dates of its order."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from charges.operations import ledger
from orders.models import Order
from orders.operations import payments, trials
from orders.operations.trials import UnableToExtend
from subscriptions.models import Plan
from tests.support.days import NOW
from tests.support.factories import STAFF, free_order, started_subscription

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_order_of_an_extended_trial_has_its_dates(coffee: Plan) -> None:
    order = free_order(started_subscription(coffee, trial_days=14))
    payments.mark_paid(order=order, at=NOW)

    end = trials.extend_trial(subscription_id=order.subscription_id, by=7, actor=STAFF, at=NOW)

    order.refresh_from_db()
    assert end == order.period_end == NOW + dt.timedelta(days=21)
    broken = [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds]
    assert "order_has_the_dates_of_its_period" not in broken


def test_a_subscription_without_a_trial_is_not_extended() -> None:
    with pytest.raises(UnableToExtend):
        trials.extend_trial(subscription_id=uuid.uuid4(), by=7, actor=STAFF, at=NOW)
    assert not Order.objects.exists()
