"""Rows of subscriptions that the database refuses. Amounts of prices: ``test_prices.py``."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from subscriptions.models import BillingPeriod, Customer, Plan, Subscription, User
from tests.support.days import NOW
from tests.support.factories import make_order

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("model", "constraint", "fields"),
    [
        (User, "user_email_is_lower_case", {"email": "Ann@example.com"}),
        (Customer, "customer_email_key_is_lower_case", {"email_key": "Ann@example.com"}),
        (Customer, "customer_phone_is_e164", {"phone": "015112345678"}),
        (Customer, "customer_phone_is_e164", {"phone": "+49 151"}),
        (Customer, "customer_phone_is_e164", {"phone": "+4915112345678\n"}),
        (Plan, "plan_available_until_is_after_from", {"available_from": NOW, "available_until": NOW}),
        (Plan, "plan_trial_is_not_too_long", {"trial_days": 731}),
        (Plan, "plan_cut_off_is_not_too_early", {"cut_off_hours": 673}),
        (Plan, "plan_reminders_are_not_too_early", {"trial_reminder_days": 366}),
        (Plan, "plan_reminders_are_not_too_early", {"renewal_reminder_days": 366}),
        (Plan, "digital_plan_has_no_deliveries", {"is_digital": True, "cut_off_hours": 1}),
        (Plan, "digital_plan_has_no_deliveries", {"is_digital": True, "max_skips": 1}),
        (BillingPeriod, "period_ends_after_its_start", {"end": F("start")}),
        (Subscription, "subscription_has_a_time_zone", {"time_zone": ""}),
        (Subscription, "subscription_anchor_is_not_in_far_future", {"anchor_number": 2}),
        (Subscription, "subscription_renews_at_end_of_period", {"renews_at": F("current_period_start")}),
        (Subscription, "canceled_subscription_does_not_renew", {"status": "canceled", "canceled_at": NOW}),
        (Subscription, "subscription_quantity_is_positive", {"quantity": 0}),
        (Subscription, "subscription_period_ends_after_its_start", {"current_period_end": F("current_period_start")}),
        (Subscription, "canceled_subscription_has_canceled_at", {"status": "canceled", "renews_at": None}),
    ],
)
def test_an_impossible_row_is_refused(model: Any, constraint: str, fields: dict[str, Any]) -> None:
    make_order()
    User.objects.create_user("ann@example.com")
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        model.objects.update(**fields)


def test_a_customer_needs_no_phone() -> None:
    make_order(customer={"phone": ""})
    assert Customer.objects.get().phone == ""


def test_a_subscription_has_one_row_for_each_period() -> None:
    period = make_order().period
    with pytest.raises(IntegrityError, match="period_number_once"), transaction.atomic():
        BillingPeriod.objects.create(
            subscription=period.subscription, number=0, start=period.start, end=period.end, outcome="billed", at=NOW
        )
