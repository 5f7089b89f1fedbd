"""Staff set the price of a plan on the plan's page. Each change is a new version."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from integrations.outbox.models import OutboxMessage
from subscriptions.models import Plan, Price, Subscription, User
from tests.support.factories import change_price, make_order

pytestmark = pytest.mark.django_db

ADD = "/admin/subscriptions/plan/add/"
FORM = {
    "code": "coffee", "name": "Coffee", "is_active": "on", "amount": 1290, "currency": "EUR", "interval": "month",
    "interval_count": 1, "trial_days": 0, "trial_reminder_days": 7, "renewal_reminder_days": 0, "cut_off_hours": 0,
    "max_skips": 0, "unpaid_policy": "cancel", "dispute_policy": "pause", "prices-TOTAL_FORMS": 0,
    "prices-INITIAL_FORMS": 0,
}  # fmt: skip


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.com"))
    return client


def page_of(plan: Plan) -> str:
    return f"/admin/subscriptions/plan/{plan.pk}/change/"


def form_errors(page: Any) -> list[str]:
    return sorted(page.context["adminform"].errors)


def versions() -> list[tuple[int, int]]:
    return list(Price.objects.order_by("version").values_list("version", "amount"))


def test_a_new_plan_gets_the_first_version_of_its_price(staff: Client) -> None:
    assert staff.post(ADD, FORM).status_code == 302
    price = Price.objects.get()
    assert (price.plan.code, price.version, price.amount, price.interval) == ("coffee", 1, 1290, "month")
    assert (price.created_by_kind, price.created_by) == ("staff", str(User.objects.get().pk))


def test_a_change_of_the_price_makes_a_new_version(staff: Client) -> None:
    plan = make_order().subscription.plan
    shown = staff.get(page_of(plan)).context["adminform"].form.initial
    assert (shown["amount"], shown["currency"], shown["interval"], shown["interval_count"]) == (1290, "EUR", "month", 1)
    assert staff.post(page_of(plan), {**FORM, "amount": 1490}).status_code == 302
    assert versions() == [(1, 1290), (2, 1490)]
    assert staff.get(page_of(plan)).context["adminform"].form.initial["amount"] == 1490


def test_a_change_of_the_name_makes_no_new_version(staff: Client) -> None:
    plan = make_order().subscription.plan
    assert staff.post(page_of(plan), {**FORM, "name": "Good coffee"}).status_code == 302
    assert (Plan.objects.get().name, versions()) == ("Good coffee", [(1, 1290)])


@pytest.mark.parametrize(
    ("entered", "refused"),
    [
        ({"currency": "KWD", "amount": 1291}, ["amount"]),
        ({"amount": 49}, ["amount"]),
        ({"currency": "ISK", "amount": 1050}, ["amount"]),
        ({"amount": "a lot", "currency": "KWD"}, ["amount"]),
        ({"amount": ""}, ["amount"]),
        ({"currency": "eur"}, ["currency"]),
        ({"interval_count": 37}, ["interval_count"]),
        ({"interval": "day"}, ["interval"]),
        ({"trial_days": 731}, ["trial_days"]),
    ],
)
def test_an_error_stands_beside_its_field(staff: Client, entered: dict[str, object], refused: list[str]) -> None:
    page = staff.post(ADD, {**FORM, **entered})
    assert (page.status_code, form_errors(page)) == (200, refused)
    assert not Plan.objects.exists()


def test_the_page_shows_the_versions_and_their_running_subscriptions(staff: Client) -> None:
    order = make_order()
    plan = order.subscription.plan
    change_price(plan, amount=1490, interval="year", interval_count=2)
    for buyer in ("bob", "eve"):
        make_order(customer={"email": f"{buyer}@example.com"})
    ended = make_order(customer={"email": "max@example.com"}).subscription
    type(ended).objects.filter(pk=ended.pk).update(status="canceled", canceled_at=order.placed_at, renews_at=None)

    inline = staff.get(page_of(plan)).context["inline_admin_formsets"][0]
    rows = [[field.contents() for line in form for fields in line for field in fields][:4] for form in inline]
    assert rows == [["2", "14.90 EUR", "2 years", "2"], ["1", "12.90 EUR", "month", "1"]]


def test_the_list_shows_current_prices_in_a_bounded_number_of_queries(
    staff: Client, coffee: Plan, magazine: Plan, django_assert_max_num_queries: Any
) -> None:
    change_price(coffee, amount=1490)
    with django_assert_max_num_queries(8):
        page = staff.get("/admin/subscriptions/plan/").content.decode()
    assert "14.90 EUR" in page and "4.90 EUR" in page and "12.90 EUR" not in page


def test_staff_who_may_only_look_see_the_versions(client: Client, coffee: Plan) -> None:
    from django.contrib.auth.models import Permission

    user = User.objects.create_user("look@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_plan", "view_price"]))
    client.force_login(user)
    page = client.get(page_of(coffee))
    assert page.status_code == 200
    assert "12.90 EUR" in page.content.decode()


def move(client: Client, *plans: Plan) -> list[str]:
    """Run the action on these plans. Returns the messages that staff read."""
    chosen = {"action": "move_running_subscriptions", "_selected_action": [str(plan.pk) for plan in plans]}
    page = client.post("/admin/subscriptions/plan/", chosen, follow=True)
    return [str(message) for message in page.context["messages"]]


def test_staff_move_running_subscriptions_to_the_current_price(staff: Client) -> None:
    subscription = make_order().subscription
    Subscription.objects.update(status="active")
    assert move(staff, subscription.plan) == ["coffee: 0 subscriptions get the current price after the time of notice."]
    price = change_price(subscription.plan, amount=1490)
    assert move(staff, subscription.plan) == ["coffee: 1 subscriptions get the current price after the time of notice."]
    message = OutboxMessage.objects.get(task="subscriptions.move_to_price")
    assert message.kwargs == {"price_id": str(price.pk), "staff_id": str(User.objects.get().pk)}


def test_staff_without_the_permission_do_not_move_anything(client: Client) -> None:
    viewer = User.objects.create_user("viewer@example.com", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_plan"))
    client.force_login(viewer)
    subscription = make_order().subscription
    Subscription.objects.update(status="active")
    change_price(subscription.plan, amount=1490)
    move(client, subscription.plan)
    assert not OutboxMessage.objects.filter(task="subscriptions.move_to_price").exists()
