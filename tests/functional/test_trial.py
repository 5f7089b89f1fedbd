"""A trial: the card is saved up front, nothing is charged, and the trial ends in the first charge."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest
from django.test import Client

from charges.models import Charge
from charges.operations import ledger
from charges.operations.payments.new_payment_method import replace_payment_method
from charges.operations.recovery.missed_events import fetch_missed_events
from integrations.outbox import recovery
from integrations.outbox.models import OutboxMessage
from integrations.stripe.event_types import SETUP_EVENTS
from orders.models import Order
from orders.operations.reinstatement import reinstate
from subscriptions.models import PendingChange, Plan, Subscription, TrialUse
from subscriptions.operations import pending_changes, renewals
from subscriptions.operations.subscriptions import cancel as cancel_subscription
from tests.support.concurrency import Died, Moments
from tests.support.days import Days
from tests.support.deliveries import capture, capture_by_ladder
from tests.support.factories import SOFT, STAFF, free_order, make_customer, make_plan, started_subscription
from tests.support.payment_page import page_path, post_with_csrf_token
from tests.support.sandboxes import StripeSandbox
from tests.support.stripe_events import receive_events, stripe_events

pytestmark = pytest.mark.django_db(transaction=True)

BERLIN_MORNING = dt.datetime(2026, 3, 20, 8, 0, tzinfo=dt.UTC)  # 09:00 in Berlin
TRIAL_ENDS = dt.datetime(2026, 4, 3, 7, 0, tzinfo=dt.UTC)  # 09:00 in Berlin, in summer time


@pytest.fixture
def days(stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch) -> Days:
    return Days(monkeypatch, stripe_sandbox, start=BERLIN_MORNING)


@pytest.fixture(autouse=True)
def plan(db: None) -> Plan:
    return make_plan(code="magazine", name="Magazine", amount=490, is_digital=True, trial_days=14)


def check_out(payment_method: str = "pm_card_visa", *, email: str = "ann@example.com", **fields: Any) -> Any:
    body = {
        "plan": "magazine",
        "payment_method": payment_method,
        "time_zone": "Europe/Berlin",
        "customer": {"email": email, "name": "Ann Lee"},
        **fields,
    }
    key = f"{email}-{payment_method}-{sorted(fields)}"
    return Client().post("/api/v1/checkout/", body, "application/json", headers={"Idempotency-Key": key})


def begun(days: Days, payment_method: str = "pm_card_visa", **fields: Any) -> Subscription:
    """A subscription whose trial was checked out, after the workers did what was due."""
    response = check_out(payment_method, **fields)
    assert response.status_code == 201, response.content
    days.settle()
    return Subscription.objects.get(pk=response.json()["subscription"]["id"])


def to_the_end(days: Days, subscription: Subscription, **time: float) -> None:
    """Let the workers and the scheduler run to the end of the trial, and a little longer."""
    days.until(subscription.current_period_end + dt.timedelta(minutes=1))
    renewals.begin_due_renewals(at=days.now)
    days.pass_(hours=1, **time)
    subscription.refresh_from_db()


def orders_of(subscription: Subscription) -> list[tuple[str, str, int]]:
    orders = Order.objects.filter(subscription=subscription).order_by("period_start")
    return list(orders.values_list("kind", "status", "amount"))


def mails(task: str) -> int:
    return OutboxMessage.objects.filter(task=task).count()


def assert_sound(days: Days) -> None:
    broken = [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds]
    assert (broken, days.dead) == ([], [])


def setup_intents(days: Days) -> list[Mapping[str, Any]]:
    return days.sandbox.objects("setup_intents")


def test_the_card_is_saved_and_charged_at_the_end(days: Days) -> None:
    response = check_out()
    body = response.json()

    assert body["order"]["amount"] == 0
    assert body["trial"] == {
        "ends_at": "2026-04-03T07:00:00Z",
        "first_charge": {"at": "2026-04-03T07:00:00Z", "amount": 490, "currency": "EUR"},
    }
    days.settle()
    subscription = Subscription.objects.get()
    assert (subscription.status, subscription.renews_at) == ("trialing", TRIAL_ENDS)
    assert (subscription.anchor_at, subscription.anchor_number) == (TRIAL_ENDS, 1)
    assert orders_of(subscription) == [("first", "fulfilled", 0)]
    assert [intent["status"] for intent in setup_intents(days)] == ["succeeded"]
    assert days.sandbox.intents() == [], "nothing is charged"
    assert list(TrialUse.objects.order_by("kind").values_list("kind", flat=True)) == ["address", "card"]
    assert mails("emails.welcome") == 1
    assert_sound(days)

    to_the_end(days, subscription)

    assert (subscription.status, subscription.period_number) == ("active", 1)
    assert orders_of(subscription)[1:] == [("renewal", "fulfilled", 490)]
    assert [intent["amount"] for intent in days.sandbox.intents()] == [490]
    assert_sound(days)


def test_a_card_that_is_declined_at_the_end_is_dunned(days: Days) -> None:
    subscription = begun(days, SOFT)
    assert subscription.status == "trialing"

    to_the_end(days, subscription)

    assert subscription.status == "past_due"
    assert orders_of(subscription)[1] == ("renewal", "payment_failed", 490)
    days.pass_(days=22)
    subscription.refresh_from_db()
    assert (subscription.status, subscription.cancel_reason) == ("canceled", "unpaid")
    assert_sound(days)


@pytest.mark.parametrize("email", ["ann@example.com", "Ann+second@Example.com"])
def test_an_address_has_one_trial(days: Days, email: str) -> None:
    begun(days)

    refused = check_out("pm_card_mastercard", email=email, quantity=1)

    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["trial"]
    assert "trial: false" in refused.json()["errors"][0]["message"]
    assert Order.objects.count() == 1, "nothing was stored"
    bought = check_out("pm_card_mastercard", email=email, trial=False)
    assert (bought.status_code, bought.json()["order"]["amount"], bought.json()["trial"]) == (201, 490, None)
    days.settle()
    assert sorted(Subscription.objects.values_list("status", flat=True)) == ["active", "trialing"]
    assert_sound(days)


def test_a_card_has_one_trial(days: Days) -> None:
    first = begun(days)

    second = begun(days, email="bob@example.com")

    assert (second.status, second.cancel_reason) == ("canceled", "trial_used")
    assert orders_of(second) == [("first", "canceled", 0)]
    assert (mails("emails.trial_refused"), days.sandbox.intents()) == (1, [])
    again = check_out("pm_card_mastercard", email="bob@example.com")
    assert again.status_code == 422, "the owner of the card has had a trial"
    first.refresh_from_db()
    assert first.status == "trialing"
    to_the_end(days, first)
    assert [intent["customer"] for intent in days.sandbox.intents()] == [setup_intents(days)[-1]["customer"]]
    assert_sound(days)


def test_the_customer_authenticates_to_save_the_card(days: Days) -> None:
    subscription = begun(days, "pm_card_authenticationRequiredOnSetup")

    assert subscription.status == "incomplete"
    assert orders_of(subscription) == [("first", "requires_action", 0)]
    assert mails("emails.payment_action_required") == 1
    (intent,) = setup_intents(days)
    days.pass_(hours=3)
    days.sandbox.authenticate(intent["id"])
    receive_events(days.sandbox, *SETUP_EVENTS)
    days.settle()

    subscription.refresh_from_db()
    assert subscription.status == "trialing"
    assert (subscription.renews_at, orders_of(subscription)) == (TRIAL_ENDS, [("first", "fulfilled", 0)])
    to_the_end(days, subscription)
    assert subscription.status == "active", "an authenticated card is charged without the customer"
    assert_sound(days)


def test_a_failed_authentication_leaves_the_page_open_for_another_card(days: Days) -> None:
    subscription = begun(days, "pm_card_authenticationRequiredOnSetup")
    (intent,) = setup_intents(days)

    days.sandbox.authenticate(intent["id"], "fail")
    receive_events(days.sandbox, *SETUP_EVENTS)
    days.settle()

    order = Order.objects.get()
    assert order.status == "payment_failed"
    replace_payment_method(order_id=order.pk, payment_method="pm_card_mastercard", at=days.now)
    days.settle()
    subscription.refresh_from_db()
    assert (subscription.status, subscription.payment_method) == ("trialing", "pm_card_mastercard")
    assert len(setup_intents(days)) == 1
    assert_sound(days)


def test_a_card_that_cannot_be_saved_ends_the_trial_before_it_begins(days: Days) -> None:
    subscription = begun(days, "pm_card_chargeDeclined")
    assert orders_of(subscription) == [("first", "payment_failed", 0)]
    assert mails("emails.payment_failed") == 1

    to_the_end(days, subscription)

    assert (subscription.status, subscription.cancel_reason) == ("canceled", "trial_not_started")
    assert orders_of(subscription) == [("first", "canceled", 0)]
    assert days.sandbox.intents() == []
    assert Charge.objects.get().attempts.count() == 1, "dunning reminds and does not try the card"
    assert_sound(days)
    assert check_out().status_code == 201, "the person has not had a trial yet"


def test_a_long_trial_waits_as_long_as_dunning_for_its_card(days: Days, plan: Plan) -> None:
    Plan.objects.update(trial_days=60, unpaid_policy="past_due")
    subscription = begun(days, "pm_card_chargeDeclined")

    days.pass_(days=22)

    subscription.refresh_from_db()
    assert (subscription.status, subscription.cancel_reason) == ("canceled", "unpaid")
    assert orders_of(subscription) == [("first", "canceled", 0)]
    assert_sound(days)


def test_a_customer_who_cancels_in_the_trial_is_not_charged(days: Days) -> None:
    subscription = begun(days)
    planned = pending_changes.Planned(kind=PendingChange.Kind.CANCEL, reason="customer")
    pending_changes.plan_change(subscription=subscription, planned=planned, actor=STAFF, at=days.now)

    to_the_end(days, subscription)

    assert subscription.status == "canceled"
    assert (orders_of(subscription), days.sandbox.intents()) == ([("first", "fulfilled", 0)], [])
    assert check_out("pm_card_mastercard").status_code == 422, "the trial counts"
    assert_sound(days)


def test_stripe_is_down_for_hours(days: Days) -> None:
    days.sandbox.faults({"kind": "error", "status": 503})
    subscription = begun(days)
    assert subscription.status == "incomplete"
    days.pass_(hours=5)

    days.sandbox.faults()
    recovery.sweep(at=days.now)
    days.settle()

    subscription.refresh_from_db()
    assert (subscription.status, subscription.renews_at) == ("trialing", TRIAL_ENDS)
    assert len(setup_intents(days)) == 1


def test_a_reinstatement_that_is_declined_leaves_the_trial_used(days: Days) -> None:
    subscription = begun(days)
    cancel_subscription(subscription=subscription, reason="other", actor=STAFF, at=days.now)
    Subscription.objects.filter(pk=subscription.pk).update(payment_method=SOFT)
    days.pass_(days=1)

    reinstate(subscription_id=subscription.pk, actor=STAFF, at=days.now)
    days.settle()

    subscription.refresh_from_db()
    assert (subscription.status, subscription.cancel_reason) == ("canceled", "unpaid")
    assert orders_of(subscription)[1:] == [("renewal", "canceled", 490)]
    assert set(TrialUse.objects.values_list("kind", flat=True)) == {"address", "card"}


def test_a_worker_that_is_killed_at_any_moment_leaves_one_intent_and_one_trial(days: Days) -> None:
    check_out()
    moments = Moments()
    with moments:
        capture(Order.objects.get(), at=days.now)
    assert len(moments.seen) >= 12

    for number, moment in enumerate(moments.seen):
        TrialUse.objects.all().delete()
        customer = make_customer(email=f"buyer-{number}@example.com")
        order = free_order(started_subscription(Plan.objects.get(), customer=customer, at=days.now, trial_days=14))
        with pytest.raises(Died), Moments(die_at=moment):
            capture(order, at=days.now)

        assert capture_by_ladder(order, at=days.now) == [], moment

        order.refresh_from_db()
        assert order.subscription.status == "trialing", moment
        assert Charge.objects.get(order=order).attempts.count() == 1, moment
        assert TrialUse.objects.filter(kind="card", subscription=order.subscription).exists(), moment
    assert len(setup_intents(days)) == len(moments.seen) + 1
    assert days.sandbox.intents() == []


@pytest.mark.parametrize("kind", ["drop_after_effect", "error_after_effect", "non_json"])
@pytest.mark.parametrize("call", ["/v1/setup_intents", "/v1/setup_intents/*/confirm"])
def test_a_lost_response_of_stripe_is_read_and_not_repeated(days: Days, kind: str, call: str) -> None:
    days.sandbox.faults({"method": "POST", "path": call, "kind": kind, "status": 500, "times": 2})

    subscription = begun(days)

    assert subscription.status == "trialing"
    assert [intent["status"] for intent in setup_intents(days)] == ["succeeded"]
    assert_sound(days)


def test_an_outage_that_ends_after_the_trial_starts_nothing(days: Days) -> None:
    days.sandbox.faults({"kind": "error", "status": 503})
    subscription = begun(days)
    to_the_end(days, subscription)
    assert (subscription.status, subscription.cancel_reason) == ("canceled", "trial_not_started")

    days.sandbox.faults()
    days.redeliver_everything()

    subscription.refresh_from_db()
    assert subscription.status == "canceled"
    assert orders_of(subscription) == [("first", "canceled", 0)]
    assert [intent["status"] for intent in setup_intents(days)] == []


def test_the_customer_saves_the_card_on_the_payment_page(days: Days) -> None:
    begun(days, "pm_card_authenticationRequiredOnSetup")
    page = page_path(Order.objects.get())

    text = Client().get(page).text
    session = post_with_csrf_token(Client(), page, "session").json()

    assert "Your bank asks you to confirm your card" in text
    assert "Confirm the card" in text
    assert "Pay " not in text
    assert session["saves_card"]
    (intent,) = setup_intents(days)
    assert session["client_secret"].startswith(intent["id"])
    days.sandbox.authenticate(intent["id"])
    post_with_csrf_token(Client(), page, "return")
    days.settle()
    assert "Your card is saved, and your trial has begun." in Client().get(page).text
    assert Subscription.objects.get().status == "trialing"


def test_the_missed_event_of_a_saved_card_is_fetched(days: Days) -> None:
    subscription = begun(days, "pm_card_authenticationRequiredOnSetup")
    days.sandbox.authenticate(setup_intents(days)[0]["id"])
    (event,) = stripe_events(days.sandbox, "setup_intent.succeeded")

    fetch_missed_events(at=dt.datetime.fromtimestamp(event["created"], tz=dt.UTC) + dt.timedelta(minutes=6))
    days.settle()

    subscription.refresh_from_db()
    assert subscription.status == "trialing"
    assert_sound(days)
