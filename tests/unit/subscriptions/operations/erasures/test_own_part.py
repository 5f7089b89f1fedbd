from __future__ import annotations

from typing import Any

import pytest
from django_celery_results.models import TaskResult

from subscriptions.models import Customer, Hold, PendingChange, Skip, Subscription, TrialUse
from subscriptions.operations.erasures import own_part
from tests.support.days import NOW
from tests.support.erasures import begun_erasure, step_of
from tests.support.factories import make_customer, started_subscription
from tests.support.subscriptions import put_in_status

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_account_names_nobody_afterwards(coffee: Any) -> None:
    ann, bob = make_customer(), make_customer(email="bob@example.com", name="Bob")
    subscription = started_subscription(coffee, customer=ann)
    Subscription.objects.update(shipping_address={"line1": "Street 1", "country": "DE"})
    TaskResult.objects.create(task_id="1", task_kwargs=f"{{'customer_id': '{ann.pk}'}}", traceback="Ann Lee")
    TaskResult.objects.create(task_id="2", task_kwargs=f"{{'customer_id': '{bob.pk}'}}")
    erasure = begun_erasure(ann)

    assert own_part.erase_account(erasure_id=erasure.pk, at=NOW)
    assert not own_part.erase_account(erasure_id=erasure.pk, at=NOW)

    ann.refresh_from_db()
    subscription.refresh_from_db()
    assert (ann.email, ann.name, ann.phone) == (ann.placeholder, "", "")
    assert subscription.shipping_address is None
    assert TaskResult.objects.get().task_id == "2"
    assert step_of(erasure, "account").detail == "account erased, 1 task results deleted"
    bob.refresh_from_db()
    assert bob.name == "Bob"


def test_the_proof_of_a_trial_stays(coffee: Any) -> None:
    ann = make_customer()
    subscription = started_subscription(coffee, customer=ann)
    put_in_status("trialing", subscription=subscription)
    TrialUse.objects.create(kind="address", digest="0" * 64, subscription=subscription)
    own_part.erase_account(erasure_id=begun_erasure(ann).pk, at=NOW)
    assert TrialUse.objects.count() == 1
    assert any("trial" in kept.what for kept in own_part.PART.kept(ann.pk, NOW))


def test_the_sections_hold_own_rows_only(coffee: Any) -> None:
    ann: Customer = make_customer()
    mine = started_subscription(coffee, customer=ann)
    started_subscription(coffee, customer=make_customer(email="bob@example.com"))
    assert [row["id"] for row in own_part.PART.sections["subscriptions"](ann.pk)] == [mine.pk]
    assert [row["kind"] for row in own_part.PART.sections["subscription_changes"](ann.pk)] == ["started"]


def test_the_copy_holds_what_is_planned_skipped_and_paused(coffee: Any) -> None:
    ann = make_customer()
    mine = started_subscription(coffee, customer=ann)
    by = {"actor_kind": "customer", "actor": str(ann.pk)}
    PendingChange.objects.create(
        subscription=mine, kind="plan", when="period_end", price=mine.price, quantity=2, **by
    )
    Skip.objects.create(subscription=mine, period_number=3, **by)
    Hold.objects.create(
        subscription=mine, reason="customer", placed_at=NOW, placed_by_kind="customer", placed_by=str(ann.pk)
    )
    sections = {name: list(rows(ann.pk)) for name, rows in own_part.PART.sections.items()}
    assert [(row["plan"], row["quantity"]) for row in sections["planned_changes"]] == [("coffee-monthly", 2)]
    assert [row["period"] for row in sections["skips"]] == [3]
    assert [row["reason"] for row in sections["pauses"]] == ["customer"]
