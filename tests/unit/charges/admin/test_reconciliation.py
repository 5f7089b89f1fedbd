"""The admin pages of reconciliation: open findings first, with actions for staff who have the permission."""

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


def logged_in(*permissions: str) -> Client:
    client = Client()
    user = User.objects.create_user("staff@example.com", "a long password", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=[f"{permission}_reconciliationfinding" for permission in permissions])
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
    return ReconciliationFinding.objects.create(run=run, check_again=False, **{**values, **times, **fields})


def act(client: Client, action: str, *findings: ReconciliationFinding, reason: str = "") -> str:
    response = client.post(
        LIST,
        {"action": action, "reason": reason, "_selected_action": [str(row.pk) for row in findings]},
        follow=True,
    )
    assert response.status_code == 200
    return response.content.decode()


def test_open_findings_come_first(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
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


def test_staff_with_view_permission_only_have_no_actions() -> None:
    staff, row = logged_in("view"), finding()
    assert "mark_resolved" not in staff.get(LIST).content.decode()

    act(staff, "mark_resolved", row, reason=REASON)
    act(staff, "check_again", row)

    row.refresh_from_db()
    assert (row.status, row.resolution) == ("open", "")


def test_a_finding_is_marked_as_resolved_with_the_reason() -> None:
    staff, row = logged_in("view", "change"), finding()

    assert "1 marked as resolved." in act(staff, "mark_resolved", row, reason=REASON)

    row.refresh_from_db()
    assert (row.status, row.resolution) == ("resolved", REASON)
    assert row.resolved_by == User.objects.get(email="staff@example.com")
    assert REASON in staff.get(f"{LIST}{row.pk}/change/").content.decode()


def test_without_a_reason_no_finding_is_marked() -> None:
    staff, row = logged_in("view", "change"), finding()
    assert "the reason is empty" in act(staff, "mark_resolved", row)
    row.refresh_from_db()
    assert row.status == "open"


def test_checking_again_resolves_safe_differences(stripe_sandbox: StripeSandbox) -> None:
    staff, order = logged_in("view", "change"), place_order()
    capture(order)
    Charge.objects.update(status="pending", succeeded_at=None)
    charge = Charge.objects.get()
    row = finding(problem="status_differs", stripe_id=charge.payment_intent_id, charge=charge)

    assert "the charge was pending, and is succeeded" in act(staff, "check_again", row)

    charge.refresh_from_db()
    row.refresh_from_db()
    assert (charge.status, row.status) == ("succeeded", "resolved")


def test_checking_again_shows_the_order_and_the_problem(stripe_sandbox: StripeSandbox) -> None:
    staff, order = logged_in("view", "change"), place_order()
    capture(order)
    charge = Charge.objects.get()
    Charge.objects.update(amount=1390)
    row = finding(stripe_id=charge.payment_intent_id, charge=charge)
    words = f"Order {order.number}, The amount or the currency differs ({charge.payment_intent_id}): open."
    assert words in act(staff, "check_again", row)


def test_the_field_of_the_reason_is_wide_and_fits_a_phone() -> None:
    staff, _ = logged_in("view", "change"), finding()
    box = re.search(r'<input[^>]*name="reason"[^>]*>', staff.get(LIST).content.decode())
    assert box
    assert 'size="60"' in box[0]
    assert "max-width: 70vw" in box[0]  # on a phone the page would scroll sideways


def test_checking_again_while_stripe_is_unavailable(stripe_sandbox: StripeSandbox) -> None:
    staff, row = logged_in("view", "change"), finding()
    stripe_sandbox.faults({"kind": "error", "status": 503})
    assert "Stripe cannot be asked now." in act(staff, "check_again", row)


def test_at_most_ten_findings_are_checked_at_once() -> None:
    staff = logged_in("view", "change")
    findings = [finding(stripe_id=f"pi_{number}") for number in range(11)]
    assert "Select at most 10 findings." in act(staff, "check_again", *findings)


def test_a_run_shows_its_progress() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("boss@example.com"))
    run = ReconciliationRun.objects.create(since=NOW, until=timezone.now(), started_at=NOW, counts={"intent": 12345})
    assert "12,345 intents" in client.get("/admin/charges/reconciliationrun/").content.decode()
    assert "12,345 intents" in client.get(f"/admin/charges/reconciliationrun/{run.pk}/change/").content.decode()
    assert client.get("/admin/charges/reconciliationrun/add/").status_code == 403


@pytest.mark.parametrize(
    ("started_by", "shown"), [("schedule", {"1 intent"}), ("command", {"2 intent"}), ("?", {"1 intent", "2 intent"})]
)
def test_runs_are_filtered_by_what_started_them(started_by: str, shown: set[str]) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("boss@example.com"))
    for count, night in ((1, NOW.date()), (2, None)):
        ReconciliationRun.objects.create(
            since=NOW, until=timezone.now(), started_at=NOW, counts={"intent": count}, night=night
        )
    page = client.get("/admin/charges/reconciliationrun/", {"started_by": started_by}).content.decode()
    assert {text for text in ("1 intent", "2 intent") if text in page} == shown


@pytest.mark.parametrize("model", ["reconciliationfinding", "reconciliationrun"])
def test_a_login_without_permission_sees_nothing(model: str) -> None:
    assert Client().get(f"/admin/charges/{model}/").status_code == 302
    assert logged_in().get(f"/admin/charges/{model}/").status_code == 403
