"""Staff pause, resume and cancel subscriptions in the admin, and undo what is planned."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from charges.admin import subscription_actions
from subscriptions.models import Hold, PendingChange, Subscription, SubscriptionChange, User
from tests.support.factories import make_order
from tests.support.subscriptions import put_in_status, status_and_reason

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/subscriptions/subscription/"
ACTIONS = ("pause", "resume", "cancel_at_end", "cancel_now", "undo_planned")


@pytest.fixture
def subscription(db: None) -> Subscription:
    made: Subscription = make_order().subscription
    put_in_status("active")
    return made


def logged_in(*permissions: str) -> Client:
    client = Client()
    user = User.objects.create_user("staff@example.com", "a long password", is_staff=True)
    names = [f"{permission}_subscription" for permission in permissions]
    user.user_permissions.set(Permission.objects.filter(codename__in=names, content_type__app_label="subscriptions"))
    client.force_login(user)
    return client


@pytest.fixture
def staff(db: None) -> Client:
    return logged_in("view", "change")


def act(client: Client, action: str, *subscriptions: Subscription) -> str:
    selected = [str(subscription.pk) for subscription in subscriptions]
    response = client.post(LIST, {"action": action, "_selected_action": selected}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def last_change() -> tuple[str, str]:
    change = SubscriptionChange.objects.latest("id")
    return change.kind, change.actor_kind


def test_staff_pause_and_resume(staff: Client, subscription: Subscription) -> None:
    assert f"{subscription.pk}: paused." in act(staff, "pause", subscription)
    assert status_and_reason(subscription) == ("paused", "staff")
    assert last_change() == ("hold_placed", "staff")
    assert Hold.objects.get().placed_by == str(User.objects.get(email="staff@example.com").pk)

    assert "resumed." in act(staff, "resume", subscription)
    assert status_and_reason(subscription) == ("active", "")
    assert last_change() == ("hold_lifted", "staff")


def test_staff_cancel_at_the_end_of_the_period_and_undo_it(staff: Client, subscription: Subscription) -> None:
    act(staff, "cancel_at_end", subscription)
    assert last_change() == ("cancel_planned", "staff")
    assert "undone." in act(staff, "undo_planned", subscription)
    assert PendingChange.objects.get().outcome == "withdrawn"
    assert last_change() == ("planned_change_closed", "staff")


def test_staff_cancel_now(staff: Client, subscription: Subscription) -> None:
    act(staff, "cancel_now", subscription)
    assert status_and_reason(subscription) == ("canceled", "staff")
    assert last_change() == ("canceled", "staff")


def test_what_a_subscription_does_not_allow_is_said_and_the_others_are_done(
    staff: Client, subscription: Subscription
) -> None:
    ended = make_order(customer={"email": "bob@example.com"}).subscription
    put_in_status("canceled", subscription=ended)
    page = act(staff, "pause", subscription, ended)
    assert "so pause is not possible now. Possible actions: none." in page
    assert status_and_reason(subscription) == ("paused", "staff")


def test_an_unpaid_order_is_said(staff: Client, db: None) -> None:
    unpaid = make_order(status="payment_failed").subscription
    put_in_status("active")
    assert "An order awaits payment." in act(staff, "pause", unpaid)


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_needs_the_permission(subscription: Subscription, action: str) -> None:
    viewer = logged_in("view")
    assert f'value="{action}"' not in viewer.get(LIST).content.decode()
    act(viewer, action, subscription)
    assert status_and_reason(subscription) == ("active", "")
    assert not SubscriptionChange.objects.exists()


@pytest.mark.parametrize("action", ACTIONS)
def test_the_list_offers_the_actions(staff: Client, subscription: Subscription, action: str) -> None:
    assert f'value="{action}"' in staff.get(LIST).content.decode()


def test_too_many_at_once_are_refused(staff: Client, subscription: Subscription, monkeypatch: Any) -> None:
    monkeypatch.setattr(subscription_actions, "MAX_SELECTED", 0)
    assert "Select at most 0 subscriptions." in act(staff, "pause", subscription)
    assert status_and_reason(subscription) == ("active", "")
