"""The database keeps the promises."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from charges.models import Charge, ChargeAttempt, SavedPaymentMethod, StripeCustomer
from tests.support.days import NOW
from tests.support.factories import place_order

pytestmark = pytest.mark.django_db


def charge(**fields: Any) -> Charge:
    order = fields.pop("order", None) or place_order()
    return Charge.objects.create(
        **{"order": order, "amount": 1290, "currency": "EUR", "payment_method": "pm_card_visa", **fields}
    )


def attempt(of: Charge, number: int, **fields: Any) -> ChargeAttempt:
    return ChargeAttempt.objects.create(
        **{"charge": of, "number": number, "idempotency_key": f"{of.pk}:{number}", "started_at": NOW, **fields}
    )


def refused(name: str) -> Any:
    return pytest.raises(IntegrityError, match=name)


SUCCEEDED = {"status": "succeeded", "finished_at": NOW}


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"amount": 0}, "charge_costs_something"),
        ({"currency": "eur"}, "charge_currency_is_iso"),
        ({"status": "succeeded", "succeeded_at": NOW}, "succeeded_charge_has_intent_and_time"),
        ({"status": "succeeded", "payment_intent_id": "pi_1"}, "succeeded_charge_has_intent_and_time"),
        ({"succeeded_at": NOW}, "only_a_succeeded_charge_has_its_time"),
    ],
)
def test_a_charge(fields: dict[str, Any], constraint: str) -> None:
    with refused(constraint):
        charge(**fields)


def test_one_charge_for_an_order() -> None:
    order = place_order()
    charge(order=order)
    with refused("order_id"):
        charge(order=order)


def test_one_intent_for_a_charge() -> None:
    charge(payment_intent_id="pi_1")
    with refused("payment_intent_id"):
        charge(payment_intent_id="pi_1")


@pytest.mark.parametrize(
    ("first", "second", "constraint"),
    [
        ({"number": 1, **SUCCEEDED}, {"number": 1, "idempotency_key": "x"}, "attempt_number_once"),
        ({"number": 1}, {"number": 2}, "one_open_attempt"),
        ({"number": 1, "status": "unknown"}, {"number": 2, "status": "requires_action"}, "one_open_attempt"),
        ({"number": 1, **SUCCEEDED}, {"number": 2, **SUCCEEDED}, "one_succeeded_attempt"),
        ({"number": 1, **SUCCEEDED}, {"number": 2, "status": "declined"}, "closed_attempt_has_its_time"),
        ({"number": 1, **SUCCEEDED}, {"number": 2, "finished_at": NOW}, "closed_attempt_has_its_time"),
        ({"number": 1, **SUCCEEDED}, {"number": 0}, "attempts_count_from_one"),
    ],
)
def test_attempts(first: dict[str, Any], second: dict[str, Any], constraint: str) -> None:
    of = charge()
    attempt(of, **first)
    with refused(constraint):
        attempt(of, **second)


def test_a_key_serves_one_attempt() -> None:
    attempt(charge(), 1, idempotency_key="k")
    with refused("idempotency_key"):
        attempt(charge(), 1, idempotency_key="k")


def test_a_customer_and_a_card_have_one_row_each() -> None:
    customer = place_order().customer
    StripeCustomer.objects.create(customer=customer)
    SavedPaymentMethod.objects.create(customer=customer, payment_method_id="pm_card_visa")
    with refused("customer_id"), transaction.atomic():
        StripeCustomer.objects.create(customer=customer)
    with refused("payment_method_saved_once"), transaction.atomic():
        SavedPaymentMethod.objects.create(customer=customer, payment_method_id="pm_card_visa")


def test_keys_are_short_and_hold_nothing_personal() -> None:
    of = charge()
    of.key_version = 3
    assert of.idempotency_key == f"charge:{of.pk}:intent:3"
    assert len(of.idempotency_key) < 255


def test_attempts_that_were_open_before_it_was_written_down_count_as_confirmed() -> None:
    before = attempt(charge(), 1), attempt(charge(), 1, status="unknown"), attempt(charge(), 1, **SUCCEEDED)
    import_module("charges.migrations.0004_attempt_confirmed_at").may_have_been_confirmed(
        apps, connection.schema_editor()
    )
    for one in before:
        one.refresh_from_db()
    assert [one.confirmed_at for one in before] == [NOW, NOW, None]
