"""A customer pauses a subscription, resumes it, and skips deliveries, while the days pass."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from charges.models import DunningStep
from charges.operations import ledger
from charges.operations.dunning.steps import take_step
from orders.models import Order
from orders.operations.holds import lift_due_holds
from orders.operations.renewals import place_renewal
from subscriptions.models import BillingPeriod, Customer, Subscription
from subscriptions.operations import renewals
from tests.support.accounts import BackEnd, customer_with_login
from tests.support.days import Days
from tests.support.deliveries import capture
from tests.support.dunning import make_card_pay
from tests.support.factories import SOFT
from tests.support.subscriptions import status_and_reason, subscribed

pytestmark = pytest.mark.django_db(transaction=True)

MONTHS = [dt.datetime(2026, month, 1, 12, tzinfo=dt.UTC) for month in range(3, 12)]
BOUGHT, FIRST, SECOND, THIRD = MONTHS[:4]
PLAN = {"max_skips": 2, "cut_off_hours": 48}


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return customer_with_login()


@pytest.fixture
def subscription(ann: Customer, days: Days) -> Subscription:
    return subscribed(days, customer=ann, plan=PLAN)


@pytest.fixture
def shop(ann: Customer, days: Days) -> BackEnd:
    """The shop's back end, which acts for Ann. A session would end while the months pass."""
    return BackEnd(customer=ann)


def until(days: Days, moment: dt.datetime) -> None:
    """Let the days pass. The scheduler runs twice a day, and the workers in between."""
    while days.now < moment:
        renewals.begin_due_renewals(at=days.now)
        lift_due_holds(at=days.now)
        days.until(min(days.now + dt.timedelta(hours=12), moment))
    renewals.begin_due_renewals(at=days.now)
    lift_due_holds(at=days.now)
    days.pass_(minutes=1)


def act(shop: BackEnd, subscription: Subscription, action: str, body: Any = None) -> dict[str, Any]:
    answer = shop.act(subscription, action, body or {})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def periods(subscription: Subscription) -> list[str]:
    return list(
        BillingPeriod.objects.filter(subscription=subscription).order_by("number").values_list("outcome", flat=True)
    )


def orders(subscription: Subscription) -> list[str]:
    found = Order.objects.filter(subscription=subscription).order_by("period_start")
    return list(found.values_list("status", flat=True))


def broken() -> list[str]:
    return [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds]


def test_a_pause_for_two_months_with_an_end(days: Days, shop: BackEnd, subscription: Subscription) -> None:
    until(days, dt.datetime(2026, 3, 20, 12, tzinfo=dt.UTC))
    act(shop, subscription, "pause", {"when": "now", "resume_at": "2026-05-10T09:00:00Z"})

    until(days, dt.datetime(2026, 5, 9, 12, tzinfo=dt.UTC))
    assert (status_and_reason(subscription), orders(subscription)) == (("paused", "customer"), ["paid"])

    until(days, dt.datetime(2026, 5, 12, 12, tzinfo=dt.UTC))

    assert periods(subscription) == ["billed", "gap", "billed"]
    assert (status_and_reason(subscription), orders(subscription)) == (("active", ""), ["paid", "paid"])
    assert len(days.sandbox.intents()) == 2
    assert (broken(), days.dead) == ([], [])


def test_a_pause_that_ends_within_the_paid_period_changes_no_date(
    days: Days, shop: BackEnd, subscription: Subscription
) -> None:
    act(shop, subscription, "pause", {"when": "now"})
    until(days, dt.datetime(2026, 3, 20, 12, tzinfo=dt.UTC))
    shown = act(shop, subscription, "resume")
    assert (shown["status"], shown["renews_at"]) == ("active", "2026-04-01T12:00:00Z")

    until(days, FIRST)

    assert (periods(subscription), orders(subscription)) == (["billed", "billed"], ["paid", "paid"])
    assert broken() == []


def test_a_pause_from_the_end_of_the_period_on(days: Days, shop: BackEnd, subscription: Subscription) -> None:
    act(shop, subscription, "pause", {"when": "period_end"})
    until(days, FIRST + dt.timedelta(days=3))
    assert status_and_reason(subscription) == ("paused", "customer")

    act(shop, subscription, "resume")
    days.settle()

    assert (periods(subscription), orders(subscription)) == (["billed", "gap", "billed"], ["paid", "paid"])
    assert broken() == []


def test_a_skipped_delivery_leaves_the_others_alone(days: Days, shop: BackEnd, subscription: Subscription) -> None:
    shown = act(shop, subscription, "skip", {"period": 1})
    assert [period["is_skipped"] for period in shown["coming_periods"]][:2] == [True, False]

    until(days, SECOND)

    assert periods(subscription) == ["billed", "skipped", "billed"]
    assert [order.period_start for order in Order.objects.order_by("period_start")] == [BOUGHT, SECOND]
    assert len(days.sandbox.intents()) == 2
    assert (broken(), days.dead) == ([], [])


def test_after_the_cut_off_only_later_deliveries_change(
    days: Days, shop: BackEnd, subscription: Subscription
) -> None:
    until(days, FIRST - dt.timedelta(hours=47))
    assert shop.act(subscription, "skip", {"period": 1}).status_code == 409
    act(shop, subscription, "skip", {"period": 2})
    act(shop, subscription, "unskip", {"period": 2})
    until(days, SECOND)
    assert periods(subscription) == ["billed", "billed", "billed"]
    assert broken() == []


# The faults of other shops


def test_polar_13691_pause_then_cancel_then_undo_renews(
    days: Days, shop: BackEnd, subscription: Subscription
) -> None:
    act(shop, subscription, "pause", {"when": "period_end"})
    act(shop, subscription, "cancel", {"when": "period_end"})
    shown = act(shop, subscription, "undo")
    assert shown["pending_changes"] == []

    until(days, FIRST)

    assert (status_and_reason(subscription), periods(subscription)) == (("active", ""), ["billed", "billed"])


def test_polar_11128_undoing_a_planned_change_makes_no_order(
    days: Days, shop: BackEnd, subscription: Subscription
) -> None:
    for action in ("pause", "cancel"):
        act(shop, subscription, action, {"when": "period_end"})
        act(shop, subscription, "undo")
    days.settle()
    assert orders(subscription) == ["paid"]
    assert len(days.sandbox.intents()) == 1


def test_gumroad_4891_a_pause_after_a_failed_payment_is_refused(
    days: Days, shop: BackEnd, subscription: Subscription
) -> None:
    Subscription.objects.update(payment_method=SOFT)
    until(days, FIRST)
    assert status_and_reason(subscription) == ("past_due", "")

    assert shop.act(subscription, "pause", {"when": "now"}).status_code == 409
    assert shop.act(subscription, "pause", {"when": "period_end"}).status_code == 409


def test_gumroad_4891_an_old_dunning_step_does_nothing_to_a_paused_subscription(
    days: Days, shop: BackEnd, subscription: Subscription
) -> None:
    Subscription.objects.update(payment_method=SOFT)
    until(days, FIRST)
    [step] = DunningStep.objects.filter(status="planned")
    order = Order.objects.get(kind="renewal")
    make_card_pay(order)
    days.until(step.due_at)
    order.refresh_from_db()
    assert order.status == "paid"
    act(shop, subscription, "pause", {"when": "now"})

    take_step(order_id=order.pk, step_number=step.number, at=days.now)
    capture(order, at=days.now)
    days.pass_(days=30)

    assert status_and_reason(subscription) == ("paused", "customer")
    assert len(days.sandbox.intents()) == 2
    assert broken() == []


def test_tezgah_198_an_old_message_does_not_bill_another_period(
    days: Days, shop: BackEnd, subscription: Subscription
) -> None:
    until(days, FIRST)
    act(shop, subscription, "pause", {"when": "now"})
    days.sleep_until(SECOND + dt.timedelta(days=3))
    act(shop, subscription, "resume")
    days.settle()
    assert periods(subscription) == ["billed", "billed", "gap", "billed"]

    for number in range(4):
        place_renewal(subscription_id=subscription.pk, period_number=number, at=days.now)
    days.settle()

    assert orders(subscription) == ["paid", "paid", "paid"]
    assert broken() == []
