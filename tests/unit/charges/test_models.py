"""The constraints of the tables of charges."""

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


def attempt(owner: Charge, number: int, **fields: Any) -> ChargeAttempt:
    return ChargeAttempt.objects.create(
        **{"charge": owner, "number": number, "idempotency_key": f"{owner.pk}:{number}", "started_at": NOW, **fields}
    )


def rejected(name: str) -> Any:
    return pytest.raises(IntegrityError, match=name)


SUCCEEDED = {"status": "succeeded", "finished_at": NOW}


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"amount": -1}, "amount_check"),
        ({"currency": "eur"}, "charge_currency_is_iso"),
        ({"status": "succeeded", "succeeded_at": NOW}, "succeeded_charge_has_intent_and_time"),
        ({"status": "succeeded", "payment_intent_id": "pi_1"}, "succeeded_charge_has_intent_and_time"),
        ({"succeeded_at": NOW}, "only_succeeded_charge_has_time"),
    ],
)
def test_an_invalid_charge_is_rejected(fields: dict[str, Any], constraint: str) -> None:
    with rejected(constraint):
        charge(**fields)


def test_an_order_has_one_charge() -> None:
    order = place_order()
    charge(order=order)
    with rejected("order_id"):
        charge(order=order)


def test_an_intent_belongs_to_one_charge() -> None:
    charge(payment_intent_id="pi_1")
    with rejected("payment_intent_id"):
        charge(payment_intent_id="pi_1")


@pytest.mark.parametrize(
    ("first", "second", "constraint"),
    [
        ({"number": 1, **SUCCEEDED}, {"number": 1, "idempotency_key": "x"}, "attempt_number_once"),
        ({"number": 1}, {"number": 2}, "one_open_attempt"),
        ({"number": 1, "status": "unknown"}, {"number": 2, "status": "requires_action"}, "one_open_attempt"),
        ({"number": 1, **SUCCEEDED}, {"number": 2, **SUCCEEDED}, "one_succeeded_attempt"),
        ({"number": 1, **SUCCEEDED}, {"number": 2, "status": "declined"}, "closed_attempt_has_time"),
        ({"number": 1, **SUCCEEDED}, {"number": 2, "finished_at": NOW}, "closed_attempt_has_time"),
        ({"number": 1, **SUCCEEDED}, {"number": 0}, "attempt_number_positive"),
    ],
)
def test_invalid_attempts_are_rejected(first: dict[str, Any], second: dict[str, Any], constraint: str) -> None:
    row = charge()
    attempt(row, **first)
    with rejected(constraint):
        attempt(row, **second)


def test_an_idempotency_key_belongs_to_one_attempt() -> None:
    attempt(charge(), 1, idempotency_key="k")
    with rejected("idempotency_key"):
        attempt(charge(), 1, idempotency_key="k")


def test_a_customer_and_a_payment_method_have_one_row_each() -> None:
    customer = place_order().customer
    StripeCustomer.objects.create(customer=customer)
    SavedPaymentMethod.objects.create(customer=customer, payment_method_id="pm_card_visa")
    with rejected("customer_id"), transaction.atomic():
        StripeCustomer.objects.create(customer=customer)
    with rejected("payment_method_saved_once"), transaction.atomic():
        SavedPaymentMethod.objects.create(customer=customer, payment_method_id="pm_card_visa")


def test_an_idempotency_key_is_short_and_without_personal_data() -> None:
    row = charge()
    row.key_version = 3
    assert row.idempotency_key == f"charge:{row.pk}:intent:3"
    assert len(row.idempotency_key) < 255


def test_the_migration_marks_open_attempts_as_confirmed() -> None:
    before = attempt(charge(), 1), attempt(charge(), 1, status="unknown"), attempt(charge(), 1, **SUCCEEDED)
    import_module("charges.migrations.0004_attempt_confirmed_at").may_have_been_confirmed(
        apps, connection.schema_editor()
    )
    for row in before:
        row.refresh_from_db()
    assert [row.confirmed_at for row in before] == [NOW, NOW, None]
