"""Higher apps add sections to the admin page of an order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from charges.models import Refund
from orders import admin
from orders.models import Order
from orders.operations.payments import mark_paid
from subscriptions.models import Subscription, User
from tests.support.factories import free_order, make_order, make_plan, started_subscription, succeeded_charge

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _registered_sections() -> Iterator[None]:
    before = dict(admin._sections)
    yield
    admin._sections.clear()
    admin._sections.update(before)


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.com"))
    return client


def page_of(client: Client, order: Order) -> str:
    return client.get(f"/admin/orders/order/{order.pk}/change/").content.decode()


def test_the_apps_above_add_their_sections() -> None:
    assert list(admin._sections) == ["payment", "dunning", "refunds", "disputes", "messages to the customer"]


def test_a_section_shows_a_link_and_the_status_of_each_row(staff: Client) -> None:
    order = make_order()
    charge = succeeded_charge(order)
    page = page_of(staff, order)
    assert f'<a href="/admin/charges/charge/{charge.pk}/change/">{escape(charge)}: succeeded</a>' in page


def test_a_registered_section_is_shown(staff: Client) -> None:
    admin.register_section(label="orders alike", rows=lambda order: Order.objects.filter(amount=order.amount))
    order = make_order()
    page = page_of(staff, order)
    assert "field-orders_alike" in page
    assert f">{order.number}: paid</a>" in page


def test_a_section_shows_fifty_rows_at_most(staff: Client) -> None:
    charge = succeeded_charge(make_order())
    Refund.objects.bulk_create(
        [Refund(charge=charge, amount=1, origin=Refund.Origin.SHOP) for _ in range(admin.MAX_SECTION_ROWS + 1)]
    )
    page = page_of(staff, charge.order)
    assert page.count("/admin/charges/refund/") == admin.MAX_SECTION_ROWS
    assert "<br>and more" in page


def test_two_sections_cannot_have_the_same_label() -> None:
    with pytest.raises(ImproperlyConfigured, match="payment"):
        admin.register_section(label="payment", rows=lambda order: Order.objects.none())


def extend(client: Client, subscription: Subscription, **inputs: str) -> list[str]:
    """Run the action on this subscription. Returns the messages that staff read."""
    chosen = {"action": "extend_trial", "_selected_action": [str(subscription.pk)], **inputs}
    page = client.post("/admin/subscriptions/subscription/", chosen, follow=True)
    return [str(message) for message in page.context["messages"]]


@pytest.fixture
def trialing(transactional_db: None) -> Subscription:
    subscription = started_subscription(make_plan(), at=timezone.now(), trial_days=14)
    mark_paid(order=free_order(subscription), at=timezone.now())
    subscription.refresh_from_db()
    return subscription


@pytest.mark.parametrize("with_date", [False, True])
def test_staff_extend_a_trial_by_days_or_to_a_date(staff: Client, trialing: Subscription, with_date: bool) -> None:
    end = trialing.current_period_end + dt.timedelta(days=7)
    inputs = {"until": end.date().isoformat()} if with_date else {"days": "7"}

    (message,) = extend(staff, trialing, **inputs)

    assert "the trial ends on" in message
    trialing.refresh_from_db()
    assert (trialing.current_period_end, trialing.renews_at, trialing.anchor_at) == (end, end, end)
    change = trialing.changes.get(kind="trial_extended")
    assert (change.actor_kind, change.actor) == ("staff", str(User.objects.get().pk))


TYPING = "Enter the days, from 1 to 730, or the new last day."


@pytest.mark.parametrize(
    ("inputs", "words"),
    [({}, TYPING), ({"days": "0"}, TYPING), ({"days": "731"}, TYPING), ({"days": "x"}, TYPING),
     ({"until": "soon"}, TYPING), ({"days": "7", "until": "2030-01-01"}, TYPING),
     ({"until": "2020-01-01"}, "The new end must be later."), ({"days": "730"}, "at most 716 days")],
)  # fmt: skip
def test_an_extension_that_makes_no_sense_changes_nothing(
    staff: Client, trialing: Subscription, inputs: dict[str, str], words: str
) -> None:
    (message,) = extend(staff, trialing, **inputs)
    assert words in message
    assert not trialing.changes.filter(kind="trial_extended").exists()


def test_staff_without_the_permission_extend_nothing(client: Client, trialing: Subscription) -> None:
    viewer = User.objects.create_user("viewer@example.com", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_subscription"))
    client.force_login(viewer)
    extend(client, trialing, days="7")
    assert not trialing.changes.filter(kind="trial_extended").exists()
