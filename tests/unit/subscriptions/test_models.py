"""Rows of subscriptions that the database refuses. Prices: ``test_plans.py``."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from subscriptions.models import Customer, Plan, Subscription, User
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
        (Plan, "plan_interval_count_is_positive", {"interval_count": 0}),
        (Plan, "plan_currency_is_iso", {"currency": "eur"}),
        (Subscription, "subscription_quantity_is_positive", {"quantity": 0}),
        (Subscription, "subscription_period_ends_after_its_start", {"current_period_end": F("current_period_start")}),
        (Subscription, "canceled_subscription_has_canceled_at", {"status": "canceled"}),
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
