from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from subscriptions.models import Customer, EmailChange
from subscriptions.operations.erasures import exports
from subscriptions.queries import CustomerNotFound
from tests.support.accounts import customer_with_login
from tests.support.days import NOW
from tests.support.factories import make_customer, make_order, make_plan, succeeded_charge

pytestmark = pytest.mark.django_db


def document(customer: Customer) -> dict[str, object]:
    return dict(json.loads("".join(exports.export(customer_id=customer.pk, at=NOW))))


def test_an_account_without_anything_is_a_valid_document() -> None:
    copy = document(make_customer())
    assert copy["orders"] == [] and copy["messages"] == []


def test_it_holds_the_account_with_its_changes() -> None:
    ann = customer_with_login()
    EmailChange.objects.create(
        customer=ann, email="ann@new.example.com", email_key="ann@new.example.com", old_email=ann.email,
        requested_at=NOW, expires_at=NOW,
    )  # fmt: skip
    copy = document(ann)
    account = copy["account"]
    assert isinstance(account, dict)
    assert (account["email"], account["name"], account["has_login"]) == ("Ann.Lee@example.com", "Ann Lee", True)
    assert [row["new"] for row in copy["address_changes"]] == ["ann@new.example.com"]  # type: ignore[attr-defined]


def test_the_customer_has_a_copy_when_the_last_piece_was_taken() -> None:
    ann = make_customer()
    pieces = exports.export(customer_id=ann.pk, at=NOW)
    next(pieces)
    ann.refresh_from_db()
    assert ann.exported_at is None
    list(pieces)
    ann.refresh_from_db()
    assert ann.exported_at == NOW


def test_more_rows_need_no_more_queries() -> None:
    def queries_with(orders: int) -> int:
        customer = make_customer(email=f"{orders}@example.com")
        for _ in range(orders):
            succeeded_charge(make_order(customer=customer, plan={"code": make_plan().code}))
        with CaptureQueriesContext(connection, ) as captured:
            document(customer)
        return len(captured)

    assert queries_with(1) == queries_with(6)


def test_an_unknown_customer_is_an_error_at_once() -> None:
    with pytest.raises(CustomerNotFound):
        exports.export(customer_id=make_customer().pk.__class__(int=0), at=NOW)
