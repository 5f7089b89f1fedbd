"""Staff with permissions can look at all rows in the admin. Other users cannot."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from django_celery_results.models import TaskResult

from integrations.inbox.models import WebhookEvent
from integrations.outbox.models import OutboxMessage
from notifications.models import Notification
from subscriptions.models import ApiKey, Customer, Plan, User
from tests.support.days import NOW
from tests.support.factories import charge_of, dunning_run_of, place_order, request_refund, troubled_order
from tests.support.queries import queries_for

OURS = ("outbox", "inbox", "subscriptions", "orders", "charges", "notifications")
MODELS = [
    model
    for model in apps.get_models()
    if admin.site.is_registered(model) and (model._meta.app_label in OURS or model is TaskResult)
]
EDITED = {User, Plan, ApiKey}


def listing(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def adding(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com"))
    return client


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_staff_see_every_list_and_search_it(staff: Client, model: Any) -> None:
    for question in ("", "?q=ada", f"?q={uuid4()}"):
        assert staff.get(listing(model) + question).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_records_of_the_past_cannot_be_edited(staff: Client, model: Any) -> None:
    assert staff.get(adding(model)).status_code == (200 if model in EDITED else 403)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_other_users_see_nothing(db: None, model: Any) -> None:
    stranger = Client()
    assert stranger.get(listing(model)).status_code == 302
    customer = User.objects.create_user("ada@example.com")
    stranger.force_login(customer)
    assert stranger.get(listing(model)).status_code == 302


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_staff_without_the_permission_are_rejected(db: None, model: Any) -> None:
    user = User.objects.create_user("new@example.com", is_staff=True)
    client = Client()
    client.force_login(user)
    assert client.get(listing(model)).status_code == 403
    user.user_permissions.add(
        Permission.objects.get(content_type__app_label=model._meta.app_label, codename=f"view_{model._meta.model_name}")
    )
    assert client.get(listing(model)).status_code == 200


def test_a_row_has_a_page_with_its_fields(staff: Client, coffee: Plan) -> None:
    row = OutboxMessage.objects.create(task="orders.start_fulfillment", queue="OrdersQueue", kwargs={"order_id": "x"})
    page = staff.get(reverse("admin:outbox_outboxmessage_change", args=[row.pk]))
    assert b"orders.start_fulfillment" in page.content
    customer = Customer.objects.create(email="Ada@example.com", email_key="ada@example.com", name="Ada")
    assert staff.get(reverse("admin:subscriptions_customer_change", args=[customer.pk])).status_code == 200
    assert b"Ada@example.com" in staff.get(listing(Customer) + "?q=ada@").content


def test_amounts_are_formatted(staff: Client, coffee: Plan) -> None:
    place_order(amount=123456)
    assert b"1,234.56 EUR" in staff.get(listing(apps.get_model("orders.Order"))).content
    assert b"12.90 EUR" in staff.get(listing(Plan)).content


@pytest.mark.parametrize(
    ("model", "first"),
    [
        ("charges.Dispute", ["answer_by", "order", "money", "next_step", "status"]),
        ("charges.DunningRun", ["status", "of_order", "step", "next_step_at"]),
        ("charges.ReconciliationFinding", ["problem", "order", "details", "next_step", "status"]),
        ("charges.ReconciliationRun", ["started_at", "phase", "open"]),
        ("inbox.WebhookEvent", ["type", "outcome", "received_at", "processed_at"]),
        ("notifications.Notification", ["kind", "order", "customer", "status", "error_code"]),
        ("orders.Order", ["number", "status", "paid_at", "fulfilled_at"]),
        ("outbox.OutboxMessage", ["task", "created_at", "sent_at", "attempts", "last_error"]),
        ("subscriptions.Subscription", ["customer", "status", "open_holds", "plan"]),
    ],
)
def test_the_most_important_columns_come_first(staff: Client, model: str, first: list[str]) -> None:
    troubled_order()
    WebhookEvent.objects.create(provider="stripe", event_id="evt_1", type="charge.succeeded", payload={})
    page = staff.get(listing(apps.get_model(model))).content.decode()
    columns = re.findall(r'<th scope="col" class="[^"]*column-(\w+)', page)
    assert columns[: len(first)] == first
    assert "nav-sidebar" not in page


def test_a_list_shows_the_short_status_and_the_row_shows_its_explanation(staff: Client) -> None:
    finding = charge_of(troubled_order()).reconciliation_findings.get()
    whole, short = "Missing there: it does not exist at Stripe", ">Missing there<"
    page = staff.get(listing(type(finding))).content.decode()
    assert short in page.split("</thead>")[1]
    assert f">{whole}<" not in page.split("</thead>")[1].split("</tbody>")[0]
    assert whole in staff.get(f"{listing(type(finding))}{finding.pk}/change/").content.decode()


def change(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def test_an_order_links_to_its_payment_refunds_disputes_dunning_and_messages(staff: Client) -> None:
    order = troubled_order(steps=1)
    order.lines.create(plan=order.subscription.plan, description="Beans", quantity=2, unit_amount=645, amount=1290)
    charge = charge_of(order)
    page = staff.get(change(order)).content.decode()
    named = {
        charge: f"12.90 EUR for {order.number}: succeeded",
        charge.refunds.get(): f"0.01 EUR back for {order.number}: pending",
        charge.disputes.get(): f"du_{order.pk.hex}: needs_response",
        dunning_run_of(order): f"dunning of {order.number}: active",
        Notification.objects.get(order=order): "Payment Failed by email: pending",
    }
    for row, words in named.items():
        assert f'<a href="{change(row)}">{words}</a>' in page
        assert staff.get(change(row)).status_code == 200
    for money in ("6.45 EUR", "12.90 EUR"):
        assert money in page.split('id="lines-group"')[1]


def test_an_order_without_a_payment_has_a_page(staff: Client) -> None:
    page = staff.get(change(place_order())).content.decode()
    assert page.split("field-payment\"")[1].split('class="readonly">')[1].startswith("-<")


def test_an_orders_page_takes_the_same_queries_for_more_rows(staff: Client) -> None:
    few, many = troubled_order(), troubled_order()
    for number in range(5):
        request_refund(charge_of(many), 1)
        Notification.objects.create(
            order=many, kind="refund_succeeded", channel="email", customer=many.customer, dedup_key=str(number)
        )
        many.lines.create(plan=many.subscription.plan, description="Beans", quantity=1, unit_amount=1, amount=1)
    few.lines.create(plan=few.subscription.plan, description="Beans", quantity=1, unit_amount=1, amount=1)
    assert queries_for(staff, change(many)) == queries_for(staff, change(few))


@pytest.mark.parametrize("name", ["Dispute", "DunningRun", "ReconciliationFinding", "Refund"])
def test_rows_of_an_order_link_back_to_it(staff: Client, name: str) -> None:
    order, model = troubled_order(), apps.get_model("charges", name)
    link = f'<a href="{change(order)}">{order.number}</a>'
    assert link in staff.get(listing(model)).content.decode()
    assert link in staff.get(change(model.objects.get())).content.decode()


@pytest.mark.parametrize(
    "model", ["orders.Order", "charges.Charge", "charges.Refund", "charges.DunningRun", "charges.Dispute",
              "charges.ReconciliationFinding", "notifications.Notification"],
)  # fmt: skip
@pytest.mark.parametrize("typed", ["NNG27-X3ZTK", "nng27-x3ztk", "NNG27X3ZTK", "nng27 x3ztk"])
def test_an_order_is_found_by_any_spelling_of_its_number(staff: Client, model: str, typed: str) -> None:
    order, other = troubled_order(number="NNG27-X3ZTK"), troubled_order()
    page = staff.get(listing(apps.get_model(model)), {"q": typed}).content.decode()
    assert order.number in page.split("<tbody>")[1]
    assert other.number not in page


def test_ten_letters_also_find_the_start_of_an_email_address(staff: Client) -> None:
    order = place_order()
    Customer.objects.filter(pk=order.customer_id).update(email_key="janeparker@example.com")
    assert order.number in staff.get(listing(type(order)), {"q": "janeparker"}).content.decode()


@pytest.mark.parametrize("model", [model for model in MODELS if model not in EDITED], ids=lambda model: model.__name__)
def test_every_search_has_a_help_text(staff: Client, model: Any) -> None:
    words = admin.site.get_model_admin(model).search_help_text
    assert words
    assert escape(words) in staff.get(listing(model)).content.decode()


def test_every_page_shows_the_time_zone(staff: Client) -> None:
    for page in ("/admin/", listing(Plan), change(place_order())):
        assert "times are UTC" in staff.get(page).content.decode()


def test_a_dunning_run_shows_its_next_step(staff: Client) -> None:
    run = dunning_run_of(troubled_order())
    run.steps.create(number=1, due_at=NOW)
    for page in (listing(type(run)), change(run)):
        text = staff.get(page).content.decode()
        assert "March 1, 2026, noon" in re.split(r"field-next_step_at\b", text)[1][:600]


def test_a_subscription_is_listed_by_its_customer_and_shows_its_id(staff: Client) -> None:
    subscription = place_order().subscription
    rows = staff.get(listing(type(subscription))).content.decode().split("<tbody>")[1]
    assert f'{change(subscription)}">{subscription.customer.email}</a>' in rows
    assert f">{subscription.pk}<" not in rows
    assert str(subscription.pk) in staff.get(change(subscription)).content.decode()


@pytest.mark.parametrize("name", ["Dispute", "ReconciliationFinding"])
def test_the_next_step_column_is_wide_enough(staff: Client, name: str) -> None:
    style = "charges/admin.css"
    assert style in staff.get(listing(apps.get_model("charges", name))).content.decode()
    assert ".column-next_step" in Path(finders.find(style)).read_text()


def test_a_new_login_is_stored_in_lower_case(staff: Client) -> None:
    password = "correct horse battery staple"
    form = {"email": "New@Example.com", "usable_password": "true", "password1": password, "password2": password}
    staff.post(adding(User), form)
    assert User.objects.filter(email="new@example.com").exists()
    assert Client().login(username="NEW@example.com", password=password)


def test_lists_take_a_bounded_number_of_queries(
    staff: Client, coffee: Plan, django_assert_max_num_queries: Any
) -> None:
    for _ in range(8):
        place_order()
    from orders.models import Order
    from subscriptions.models import Subscription

    for model in (Order, Subscription, Customer):
        with django_assert_max_num_queries(9):
            staff.get(listing(model))


def test_an_unknown_admin_url_is_an_html_page(staff: Client) -> None:
    response = staff.get("/admin/nowhere/")
    assert (response.status_code, response["Content-Type"].split(";")[0]) == (404, "text/html")
