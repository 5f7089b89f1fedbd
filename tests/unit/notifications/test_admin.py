from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from notifications.models import Channel, ContactSync, Notification, Suppression
from subscriptions.models import User
from tests.support.factories import make_order

MODELS = ["notification", "contactsync", "suppression"]


@pytest.fixture
def rows(db: None):
    order = make_order()
    notification = Notification.objects.create(
        kind="welcome", channel=Channel.EMAIL, customer=order.customer, order=order, provider_message_id="<m@relay>"
    )
    Notification.objects.filter(pk=notification.pk).update(dedup_key="attempt-2")
    ContactSync.objects.create(customer=order.customer, provider="dixa", external_id="d-1")
    Suppression.objects.create(channel=Channel.EMAIL, address_key="x@example.com", reason="spam")
    return notification


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("search", ["", "ann.lee", "7K3M9", "not a uuid", "<m@relay>"])
def test_lists_and_searches(model, search, rows, admin_client):
    answer = admin_client.get(reverse(f"admin:notifications_{model}_changelist"), {"q": search})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "search", ["ANN.lee@example.com", "4915112345678", "<m@relay>", "order number", "our id", "key"]
)
def test_a_message_is_found_by_each_search_field(search, rows, admin_client):
    known = {"order number": rows.order.number, "our id": str(rows.pk), "key": str(rows.idempotency_key)}
    answer = admin_client.get(reverse("admin:notifications_notification_changelist"), {"q": known.get(search, search)})
    assert list(answer.context["cl"].queryset) == [rows]


def test_the_list_shows_the_dedup_key(rows, admin_client):
    answer = admin_client.get(reverse("admin:notifications_notification_changelist"), {"q": "attempt-2"})
    assert "attempt-2" in answer.content.decode().split("field-dedup_key")[1]


@pytest.mark.parametrize("model", MODELS)
def test_nothing_can_be_added_or_changed(model, rows, admin_client):
    assert admin_client.get(reverse(f"admin:notifications_{model}_add")).status_code == 403
    row = {"notification": Notification, "contactsync": ContactSync, "suppression": Suppression}[model].objects.get()
    url = reverse(f"admin:notifications_{model}_change", args=[row.pk])
    assert admin_client.get(url).status_code == 200
    assert admin_client.post(url, {}).status_code == 403


def test_staff_with_the_permission_lift_a_suppression(rows, client):
    row = Suppression.objects.get()
    url = reverse("admin:notifications_suppression_delete", args=[row.pk])
    staff = User.objects.create_user("staff@example.com", "p", is_staff=True)
    client.force_login(staff)
    assert client.post(url, {"post": "yes"}).status_code == 403

    staff.user_permissions.set(Permission.objects.filter(codename__in=["delete_suppression", "view_suppression"]))
    assert client.post(url, {"post": "yes"}).status_code == 302
    assert not Suppression.objects.exists()
