from __future__ import annotations

from uuid import uuid4

import pytest

from integrations.errors import PermanentError
from subscriptions import queries
from subscriptions.models import Plan
from tests.support.factories import make_customer

pytestmark = pytest.mark.django_db


def test_a_customer_is_read_as_stored_now() -> None:
    ann = make_customer()
    assert queries.customer(customer_id=ann.pk) == ann


def test_an_unknown_customer_is_a_permanent_error() -> None:
    with pytest.raises(queries.CustomerNotFound) as caught:
        queries.customer(customer_id=uuid4())
    assert isinstance(caught.value, PermanentError)


def test_only_active_plans_are_for_sale(magazine: Plan, coffee: Plan) -> None:
    Plan.objects.create(code="a-retired-plan", name="Tea", amount=100, currency="EUR", is_active=False)
    assert list(queries.plans_for_sale()) == [coffee, magazine]
    assert queries.plan_for_sale(code="coffee-monthly") == coffee
    assert queries.plan_for_sale(code="a-retired-plan") is None
    assert queries.plan_for_sale(code="unknown") is None
