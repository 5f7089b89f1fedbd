from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from orders.models import NUMBER_ALPHABET, BalanceEntry, Order, as_order_number, new_order_number
from tests.support.days import NOW
from tests.support.factories import make_order, make_plan, place_renewal
from tests.support.plan_changes import paid_change, paid_subscription


def test_order_numbers_have_two_groups_of_letters_that_no_digit_looks_like() -> None:
    numbers = {new_order_number() for _ in range(2000)}
    assert len(numbers) == 2000
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", number) for number in numbers)
    assert set("".join(numbers)) == {*NUMBER_ALPHABET, "-"}, "each letter occurs"


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("7K3M9-Q2XAB", "7K3M9-Q2XAB"),
        ("7k3m9q2xab", "7K3M9-Q2XAB"),
        (" 7k3m9 q2xab ", "7K3M9-Q2XAB"),
        ("7K3M9-Q2XA", None),
        ("7K3M9-Q2XABC", None),
        ("7K3M9-Q2XAL", None),
        ("", None),
    ],
)
def test_a_typed_number_is_read_as_it_is_stored(typed: str, number: str | None) -> None:
    assert as_order_number(typed) == number


def test_a_subscription_has_one_order_for_each_period(db: None) -> None:
    order = make_order()
    renewal = place_renewal(order, payment_method="pm_1")
    with pytest.raises(IntegrityError, match="one_order_per_period"), transaction.atomic():
        Order.objects.filter(pk=renewal.pk).update(period=order.period)


def test_several_changes_may_be_ordered_within_one_period(db: None) -> None:
    subscription = paid_subscription(make_plan())
    for day in (1, 2):
        paid_change(subscription, at=NOW + dt.timedelta(days=day), quantity=1 + day)
    assert Order.objects.filter(kind="change", period=None).count() == 2


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("order_is_refunded_at_most_once", {"amount_refunded": 1291}),
        ("order_is_refunded_at_most_once", {"amount": -1}),
        ("order_currency_is_iso", {"currency": "eur"}),
        ("order_currency_is_iso", {"currency": "EU"}),
        ("order_of_a_period_kind_has_a_period", {"period": None}),
        ("order_of_a_change_names_it", {"kind": "change"}),
        ("order_period_ends_after_its_start", {"period_end": F("period_start")}),
        ("paid_order_has_paid_at", {"status": "paid", "paid_at": None}),
        ("paid_order_has_paid_at", {"status": "partially_refunded", "paid_at": None}),
        ("paid_order_has_paid_at", {"status": "refunded", "paid_at": None}),
        ("fulfilled_order_has_fulfilled_at", {"status": "fulfilled"}),
        ("canceled_order_has_canceled_at", {"status": "canceled"}),
    ],
)
def test_impossible_orders_are_refused_by_the_database(db: None, constraint: str, fields: dict[str, object]) -> None:
    make_order()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Order.objects.update(**fields)


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("line_quantity_is_positive", {"quantity": 0, "amount": 0}),
        ("line_amount_adds_up", {"quantity": 2}),
        ("line_amount_adds_up", {"kind": "trial"}),
        ("line_amount_adds_up", {"kind": "debit", "amount": 1291}),
        ("line_amount_adds_up", {"kind": "debit", "amount": -1}),
        ("line_amount_adds_up", {"kind": "unused", "amount": 1}),
        ("line_amount_adds_up", {"kind": "unused", "amount": -1291}),
        ("line_amount_adds_up", {"kind": "balance", "amount": 1289}),
        ("line_amount_adds_up", {"kind": "balance", "quantity": 2}),
    ],
)
def test_impossible_lines_are_refused_by_the_database(db: None, constraint: str, fields: dict[str, object]) -> None:
    order = make_order()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        order.lines.update(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "trial", "amount": 0},
        {"kind": "debit", "amount": 645},
        {"kind": "unused", "amount": -645},
        {"kind": "balance", "amount": -1290},
        {"kind": "balance", "amount": 1290},
    ],
)
def test_lines_of_each_kind_are_stored(db: None, fields: dict[str, object]) -> None:
    order = make_order()
    assert order.lines.update(**fields) == 1


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("balance_entry_is_not_zero", {"amount": 0}),
        ("balance_currency_is_iso", {"currency": "eur"}),
        ("balance_entry_of_an_order_names_it", {"reason": "order", "order": None}),
    ],
)
def test_impossible_balance_entries_are_refused_by_the_database(
    db: None, constraint: str, fields: dict[str, object]
) -> None:
    make_entry(make_order())
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        BalanceEntry.objects.update(**fields)


def test_an_order_settles_the_balance_once(db: None) -> None:
    order = make_order()
    make_entry(order)
    with pytest.raises(IntegrityError, match="balance_entry_once_per_order"), transaction.atomic():
        make_entry(order)


def make_entry(order: Order, **fields: object) -> BalanceEntry:
    values = {"amount": -100, "currency": "EUR", "reason": "order", "order": order, **fields}
    return BalanceEntry.objects.create(
        **values, subscription=order.subscription, actor_kind="system", actor="tests", at=order.placed_at
    )
