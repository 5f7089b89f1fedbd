"""Staff with the permissions download a customer's data and erase it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from subscriptions.models import Customer, Erasure
from subscriptions.operations.erasures import progress
from tests.support.accounts import customer_with_login
from tests.support.erasures import begun_erasure, finish_other_steps
from tests.support.factories import make_customer, make_order, staff_user

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/subscriptions/customer/"
ERASURES = "/admin/subscriptions/erasure/"


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return customer_with_login()


def staff_with(*permissions: str) -> Client:
    user = staff_user()
    names = ("view_customer", *permissions)
    user.user_permissions.set(Permission.objects.filter(codename__in=names, content_type__app_label="subscriptions"))
    client = Client()
    client.force_login(user)
    return client


def act(client: Client, action: str, *customers: Customer, **fields: str) -> Any:
    return client.post(
        LIST, {"action": action, "_selected_action": [str(customer.pk) for customer in customers], **fields}
    )


def messages_of(client: Client) -> str:
    return " ".join(str(message) for message in client.get(LIST).context["messages"])


def erase(client: Client, customer: Customer, **fields: str) -> str:
    act(client, "erase", customer, **{"address": "Ann.Lee@example.com", "export_declined": "on", **fields})
    return messages_of(client)


def test_staff_with_the_permission_erase_a_customer(ann: Customer) -> None:
    client = staff_with("erase_customer")
    assert "has begun" in erase(client, ann)
    erasure = Erasure.objects.get()
    assert (erasure.customer, erasure.requested_by_kind, erasure.export) == (ann, "staff", "declined")


def test_staff_without_the_permission_do_not(ann: Customer) -> None:
    client = staff_with("export_customer")
    erase(client, ann)
    assert Erasure.objects.count() == 0
    assert b'value="erase"' not in client.get(LIST).content
    act(staff_with("erase_customer"), "download_data", ann)
    ann.refresh_from_db()
    assert ann.exported_at is None


@pytest.mark.parametrize("address", ["", "bob@example.com"])
def test_the_address_must_be_typed_again(ann: Customer, address: str) -> None:
    assert "address again" in erase(staff_with("erase_customer"), ann, address=address)
    assert Erasure.objects.count() == 0


def test_a_copy_comes_first_unless_the_customer_wants_none(ann: Customer) -> None:
    client = staff_with("erase_customer", "export_customer")
    assert "Download a copy first" in erase(client, ann, export_declined="")
    copy = act(client, "download_data", ann)
    assert json.loads(copy.getvalue())["account"]["email"] == "Ann.Lee@example.com"
    assert "has begun" in erase(client, ann, export_declined="")
    assert Erasure.objects.get().export == "downloaded"


def test_open_money_is_shown(ann: Customer) -> None:
    order = make_order(customer=ann, status="payment_failed")
    assert f"Order {order.number} is not paid" in erase(staff_with("erase_customer"), ann)
    assert Erasure.objects.count() == 0


@pytest.mark.parametrize("action", ["erase", "download_data"])
def test_one_customer_at_a_time(ann: Customer, action: str) -> None:
    client = staff_with("erase_customer", "export_customer")
    act(client, action, ann, make_customer(email="bob@example.com"), address="ann.lee@example.com")
    assert "one customer only" in messages_of(client)
    assert Erasure.objects.count() == 0


def test_staff_see_the_steps_and_then_the_certificate(ann: Customer) -> None:
    client = staff_with("view_erasure", "view_erasurestep")
    erasure = begun_erasure(ann)
    page = client.get(f"{ERASURES}{erasure.pk}/change/").content.decode()
    assert "brevo_contact" in page and "Stripe: the customer" not in page
    finish_other_steps(erasure, "dixa")
    progress.run_step(erasure_id=erasure.pk, name="dixa", work=lambda *_: "anonymized", at=timezone.now())
    page = client.get(f"{ERASURES}{erasure.pk}/change/").content.decode()
    assert "Stripe: the customer with name and address" in page and "Ann" not in page
    assert str(ann.pk) in client.get(ERASURES).content.decode()


def test_staff_without_the_permission_do_not_see_erasures(ann: Customer) -> None:
    begun_erasure(ann)
    assert staff_with().get(ERASURES).status_code == 403
