"""Staff see what differs from Stripe; those who may, deal with it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from charges.models import Charge, ReconciliationFinding, ReconciliationRun
from subscriptions.models import User
from tests.support.days import NOW
from tests.support.deliveries import capture
from tests.support.factories import place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/charges/reconciliationfinding/"
REASON = "Refunded by hand"


def logged_in(*rights: str) -> Client:
    client = Client()
    user = User.objects.create_user("staff@example.com", "a long password", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=[f"{right}_reconciliationfinding" for right in rights])
    )
    client.force_login(user)
    return client


def finding(**fields: Any) -> ReconciliationFinding:
    run = ReconciliationRun.objects.create(since=NOW, until=timezone.now(), started_at=NOW)
    values = {
        "kind": "intent",
        "problem": "amount_differs",
        "stripe_id": "pi_1",
        "details": "Stripe: succeeded 12.90 EUR; here: succeeded 13.90 EUR",
        "next_step": "Compare the order.",
        "status": "open",
    }
    times = {"made_at": NOW, "first_seen_at": NOW, "last_seen_at": NOW}
    return ReconciliationFinding.objects.create(run=run, look_again=False, **{**values, **times, **fields})


def act(client: Client, action: str, *findings: ReconciliationFinding, reason: str = "") -> str:
    answer = client.post(
        LIST,
        {"action": action, "reason": reason, "_selected_action": [str(one.pk) for one in findings]},
        follow=True,
    )
    assert answer.status_code == 200
    return answer.content.decode()


def test_what_is_open_comes_first(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    staff = logged_in("view")
    order = place_order()
    charge = Charge.objects.create(order=order, amount=1290, currency="EUR", payment_method="pm_1")
    for n in range(10):
        finding(stripe_id=f"pi_resolved_{n}", status="resolved", resolved_at=NOW)
    finding(stripe_id="pi_open", charge=charge)

    with django_assert_max_num_queries(10):
        page = staff.get(LIST).content.decode()

    assert page.index("pi_open") < page.index("pi_resolved_0")
    assert order.number in page
    assert "Compare the order." in page
    assert "pi_resolved_0" not in staff.get(f"{LIST}?status__exact=open").content.decode()


def test_who_may_only_look_has_no_actions() -> None:
    staff, one = logged_in("view"), finding()
    assert "mark_dealt_with" not in staff.get(LIST).content.decode()

    act(staff, "mark_dealt_with", one, reason=REASON)
    act(staff, "look_again", one)

    one.refresh_from_db()
    assert (one.status, one.resolution) == ("open", "")


def test_a_finding_is_marked_as_dealt_with_and_the_reason_kept() -> None:
    staff, one = logged_in("view", "change"), finding()

    assert "1 marked as dealt with." in act(staff, "mark_dealt_with", one, reason=REASON)

    one.refresh_from_db()
    assert (one.status, one.resolution) == ("resolved", REASON)
    assert one.resolved_by == User.objects.get(email="staff@example.com")
    assert REASON in staff.get(f"{LIST}{one.pk}/change/").content.decode()


def test_without_a_reason_nothing_is_marked() -> None:
    staff, one = logged_in("view", "change"), finding()
    assert "the reason is empty" in act(staff, "mark_dealt_with", one)
    one.refresh_from_db()
    assert one.status == "open"


def test_looking_again_resolves_what_is_safe(stripe_sandbox: StripeSandbox) -> None:
    staff, order = logged_in("view", "change"), place_order()
    capture(order)
    Charge.objects.update(status="pending", succeeded_at=None)
    charge = Charge.objects.get()
    one = finding(problem="status_differs", stripe_id=charge.payment_intent_id, charge=charge)

    assert "the charge was pending, and is succeeded" in act(staff, "look_again", one)

    charge.refresh_from_db()
    one.refresh_from_db()
    assert (charge.status, one.status) == ("succeeded", "resolved")


def test_looking_again_tells_of_which_order_and_what_in_words(stripe_sandbox: StripeSandbox) -> None:
    staff, order = logged_in("view", "change"), place_order()
    capture(order)
    charge = Charge.objects.get()
    Charge.objects.update(amount=1390)
    one = finding(stripe_id=charge.payment_intent_id, charge=charge)
    words = f"Order {order.number}, The amount or the currency differs ({charge.payment_intent_id}): open."
    assert words in act(staff, "look_again", one)


def test_there_is_room_to_read_the_reason_that_one_types() -> None:
    staff, _ = logged_in("view", "change"), finding()
    box = re.search(r'<input[^>]*name="reason"[^>]*>', staff.get(LIST).content.decode())
    assert box
    assert 'size="60"' in box[0]
    assert "max-width: 70vw" in box[0]  # on a phone the page would scroll sideways


def test_looking_again_while_stripe_is_away(stripe_sandbox: StripeSandbox) -> None:
    staff, one = logged_in("view", "change"), finding()
    stripe_sandbox.faults({"kind": "error", "status": 503})
    assert "Not now, try again later" in act(staff, "look_again", one)


def test_not_too_many_at_once() -> None:
    staff = logged_in("view", "change")
    assert "Select at most 10 findings." in act(staff, "look_again", *(finding(stripe_id=f"pi_{n}") for n in range(11)))


def test_runs_show_how_far_they_have_come() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("boss@example.com"))
    run = ReconciliationRun.objects.create(since=NOW, until=timezone.now(), started_at=NOW, counts={"intent": 12345})
    assert "12,345 intents" in client.get("/admin/charges/reconciliationrun/").content.decode()
    assert "12,345 intents" in client.get(f"/admin/charges/reconciliationrun/{run.pk}/change/").content.decode()
    assert client.get("/admin/charges/reconciliationrun/add/").status_code == 403


@pytest.mark.parametrize("model", ["reconciliationfinding", "reconciliationrun"])
def test_nobody_else_sees_anything(model: str) -> None:
    assert Client().get(f"/admin/charges/{model}/").status_code == 302
    assert logged_in().get(f"/admin/charges/{model}/").status_code == 403
