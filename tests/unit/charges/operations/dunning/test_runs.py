"""What is done about unpaid orders, with time passed in: nobody sleeps, and years take seconds."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from charges import queries
from charges.models import Charge, ChargeAttempt, DunningRun, DunningStep, SavedPaymentMethod
from charges.operations import attempts, ledger
from charges.operations.dunning import ending, runs
from charges.operations.dunning import steps as dunning_steps
from charges.operations.payments import reading, settlement
from charges.operations.payments.new_payment_method import (
    NothingToPay,
    PaymentUnderWay,
    TooManyPaymentMethods,
    replace_payment_method,
)
from integrations.stripe.results import Decline
from notifications.models import Notification
from notifications.operations.message_context import message_context
from notifications.rendering.message_context import Outcome
from orders.operations import cancellation
from subscriptions.models import Plan, Subscription
from subscriptions.operations import subscriptions
from tests.support.concurrency import Died, dying
from tests.support.days import NOW, Days
from tests.support.deliveries import capture, published
from tests.support.dunning import attempts_of, intent_statuses, make_card_pay, reloaded, step_statuses
from tests.support.factories import (
    HARD,
    SCA,
    SOFT,
    charge_of,
    dunning_run_of,
    paid_before,
    place_order,
    place_renewal,
    request_refund,
    two_unpaid,
    unpaid,
)

pytestmark = pytest.mark.django_db(transaction=True)



def test_a_soft_decline_is_tried_again_by_the_schedule_and_then_given_up(days: Days) -> None:
    order = unpaid(days)
    assert reloaded(order).subscription.status == "past_due"

    days.pass_(days=60)

    assert attempts_of(order) == [("declined", 0), ("declined", 2), ("declined", 7), ("declined", 14), ("declined", 21)]
    assert step_statuses(order) == ["attempted"] * 4
    assert dunning_run_of(order).status == "exhausted"
    assert (reloaded(order).status, reloaded(order).subscription.status) == ("canceled", "canceled")
    assert reloaded(order).subscription.status_reason == "unpaid"
    assert intent_statuses(days, order) == ["canceled"], "nobody can pay by it any more"
    assert charge_of(order).status == "canceled"
    counts = published()
    assert (counts["PaymentFailed"], counts["DunningExhausted"], counts["PaymentReminderDue"]) == (5, 1, 0)
    assert not days.dead


def test_every_try_is_a_new_attempt_at_the_same_intent(days: Days) -> None:
    order = unpaid(days)
    days.pass_(days=60)
    assert intent_statuses(days, order) == ["canceled"]
    attempts = ChargeAttempt.objects.filter(charge__order=order).order_by("number")
    assert [attempt.trigger for attempt in attempts] == ["order", *["dunning"] * 4]
    assert len({attempt.idempotency_key for attempt in attempts}) == 5
    linked = DunningStep.objects.filter(run__order=order).values_list("attempt__number", flat=True)
    assert sorted(linked) == [2, 3, 4, 5]


def test_a_try_that_succeeds_ends_the_dunning_and_the_past_due(days: Days) -> None:
    order = unpaid(days)
    days.pass_(days=3)
    make_card_pay(order)

    days.pass_(days=30)

    assert attempts_of(order)[-1] == ("succeeded", 7)
    assert step_statuses(order) == ["attempted", "attempted"]
    assert dunning_run_of(order).status == "recovered"
    assert (reloaded(order).status, reloaded(order).subscription.status) in {
        ("paid", "active"),
        ("fulfilled", "active"),
    }
    assert published()["OrderPaid"] == 1


@pytest.mark.parametrize("card", [HARD, SCA])
def test_where_only_the_customer_can_help_he_is_reminded_and_nothing_is_tried(days: Days, card: str) -> None:
    order = unpaid(days, card)

    days.pass_(days=60)

    assert len(attempts_of(order)) == 1
    assert step_statuses(order) == ["reminded", "reminded", "reminded", "dropped"]
    assert published()["PaymentReminderDue"] == 3
    assert dunning_run_of(order).status == "exhausted"
    assert (dunning_run_of(order).ended_at - NOW).days == 21
    assert reloaded(order).status == "canceled"


def test_a_new_card_is_charged_at_once_and_takes_no_step(days: Days) -> None:
    order = unpaid(days, HARD)
    days.pass_(days=4)

    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    assert reloaded(order).status == "pending_payment"
    days.settle()

    assert attempts_of(order) == [("declined", 0), ("succeeded", 4)]
    assert step_statuses(order) == ["reminded", "dropped"]
    assert dunning_run_of(order).status == "recovered"
    assert reloaded(order).subscription.payment_method == "pm_card_visa"
    assert reloaded(order).subscription.status == "active"


def test_a_new_card_that_fails_goes_on_with_the_same_steps_and_not_within_a_day(days: Days) -> None:
    order = unpaid(days, HARD)
    days.pass_(days=6, hours=12)
    replace_payment_method(order_id=order.pk, payment_method=SOFT, at=days.now)

    days.pass_(days=60)

    # Day 7 would be half a day after the customer's own try.
    assert [day for _, day in attempts_of(order)] == [0, 6.5, 7.5, 14.5, 21.5]
    assert step_statuses(order) == ["reminded", "attempted", "attempted", "attempted"]


def test_a_customer_who_fixes_one_order_is_charged_for_that_one_only(days: Days) -> None:
    """N charges after a card was fixed: the classic."""
    first = unpaid(days, HARD)
    second = place_order(payment_method=HARD, customer=first.customer)
    capture(second, at=days.now)

    replace_payment_method(order_id=first.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()

    assert (intent_statuses(days, first), intent_statuses(days, second)) == (["succeeded"], ["requires_payment_method"])
    assert len(attempts_of(second)) == 1


def test_two_new_cards_at_once_make_one_payment(days: Days) -> None:
    order = unpaid(days, HARD)
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    with pytest.raises(PaymentUnderWay):
        replace_payment_method(order_id=order.pk, payment_method="pm_card_mastercard", at=days.now)
    days.settle()
    with pytest.raises(NothingToPay):
        replace_payment_method(order_id=order.pk, payment_method="pm_card_mastercard", at=days.now)
    assert intent_statuses(days, order) == ["succeeded"]


def test_a_card_that_stripe_does_not_know_is_the_customers_matter_not_ours(days: Days) -> None:
    order = unpaid(days, HARD)
    replace_payment_method(order_id=order.pk, payment_method="pm_nobody_has_this", at=days.now)
    days.settle()
    assert not days.dead
    assert (reloaded(order).status, attempts_of(order)[-1][0]) == ("payment_failed", "declined")
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()
    assert charge_of(order).status == "succeeded"


def test_a_fault_of_ours_is_not_told_as_a_bad_card(days: Days) -> None:
    order = place_order(payment_method="pm_card_chargeDeclined", amount=10)  # declined when attached: no intent yet
    capture(order, at=days.now)
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()
    last = ChargeAttempt.objects.filter(charge__order=order).latest("number")
    assert (last.status, last.code) == ("refused", "amount_too_small")
    assert days.dead == [("charges.capture_payment", "InvalidRequest")]
    assert reloaded(order).status == "payment_failed", "it does not look to the customer as if it were under way"

    Charge.objects.filter(order=order).update(amount=1290)
    days.redeliver_everything()
    assert (charge_of(order).status, attempts_of(order)[-1][0]) == ("succeeded", "succeeded")


def test_a_card_that_does_not_pay_is_not_the_subscriptions_card(days: Days) -> None:
    order = unpaid(days, HARD)
    before = reloaded(order).subscription.payment_method
    replace_payment_method(order_id=order.pk, payment_method=SOFT, at=days.now)
    days.settle()
    assert reloaded(order).subscription.payment_method == before


def test_the_first_card_pays_after_all_while_another_waits_to_be_tried(days: Days) -> None:
    order = unpaid(days, SCA)
    intent = charge_of(order).payment_intent_id
    before = reloaded(order).subscription.payment_method
    card = SavedPaymentMethod.objects.get(customer=order.customer, payment_method_id=SCA).stripe_id
    days.sandbox.api("POST", f"/v1/payment_intents/{intent}/confirm", payment_method=card)
    replace_payment_method(order_id=order.pk, payment_method=HARD, at=days.now)  # in another tab
    days.sandbox.authenticate(intent)  # and the bank's app says yes to the first
    days.settle()
    assert charge_of(order).status == "succeeded"
    assert reloaded(order).subscription.payment_method == before, "the other one has not paid"


def test_a_card_that_pays_in_the_browser_alone_does_not_make_a_declined_one_the_subscriptions(days: Days) -> None:
    order = unpaid(days, HARD)
    before = reloaded(order).subscription.payment_method
    replace_payment_method(order_id=order.pk, payment_method=SOFT, at=days.now)
    days.settle()
    days.sandbox.confirm_in_browser(charge_of(order).payment_intent_id, "pm_card_visa")
    reading.read_payment_of(order_id=order.pk, at=days.now)
    assert charge_of(order).status == "succeeded"
    assert reloaded(order).subscription.payment_method == before


def test_many_cards_in_a_day_are_somebody_who_tries_out_stolen_ones(days: Days) -> None:
    order = unpaid(days, HARD)
    for _ in range(5):
        replace_payment_method(order_id=order.pk, payment_method=HARD, at=days.now)
        days.settle()
        days.sleep(hours=1)
    with pytest.raises(TooManyPaymentMethods) as refusal:
        replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    assert refusal.value.wait == 19 * 3600
    days.sleep(hours=19)
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()
    assert reloaded(order).status in ("paid", "fulfilled")


def test_a_card_that_is_somebody_elses_is_not_charged(days: Days) -> None:
    other = paid_before(days)
    card = SavedPaymentMethod.objects.get(customer=other.customer).stripe_id
    order = unpaid(days, HARD)
    replace_payment_method(order_id=order.pk, payment_method=card, at=days.now)
    days.settle()
    assert not days.dead
    assert (reloaded(order).status, intent_statuses(days, order)) == ("payment_failed", ["requires_payment_method"])


def test_a_new_card_instead_of_authenticating_with_the_first(days: Days) -> None:
    order = unpaid(days, SCA)
    intent = next(one for one in days.sandbox.intents() if one["metadata"]["order"] == str(order.pk))
    card = SavedPaymentMethod.objects.get(customer=order.customer, payment_method_id=SCA).stripe_id
    # The customer has begun to authenticate, and then thinks better of it.
    days.sandbox.api("POST", f"/v1/payment_intents/{intent['id']}/confirm", payment_method=card)
    assert intent_statuses(days, order) == ["requires_action"]

    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()

    assert [status for status, _ in attempts_of(order)] == ["canceled", "succeeded"]
    assert intent_statuses(days, order) == ["succeeded"]


def test_an_outage_of_ours_is_followed_by_one_try_and_no_burst(days: Days) -> None:
    order = unpaid(days)
    days.sleep(days=40)

    days.pass_(hours=1)
    assert [day for _, day in attempts_of(order)] == [0, 40]
    days.pass_(days=60)
    assert [day for _, day in attempts_of(order)] == [0, 40, 45, 52, 59]


def test_a_decline_in_the_browser_does_not_take_the_place_of_the_next_try(days: Days) -> None:
    order = unpaid(days)
    intent = charge_of(order).payment_intent_id
    card = SavedPaymentMethod.objects.get(customer=order.customer, payment_method_id=SOFT).stripe_id
    days.pass_(days=1)
    days.sandbox.confirm_in_browser(intent, card)
    reading.read_payment_of(order_id=order.pk, at=days.now)
    asked = len(days.sandbox.requests(path="/confirm"))

    days.pass_(days=2)

    assert len(days.sandbox.requests(path="/confirm")) == asked + 1, "the bank is asked"
    assert [day for _, day in attempts_of(order)] == [0, 2]


def test_never_two_tries_in_one_day_whatever_is_delivered_how_often(days: Days) -> None:
    order = unpaid(days)
    days.pass_(days=2)
    for hours in range(24):
        for number in (1, 2, 3):
            dunning_steps.take_step(order_id=order.pk, step_number=number, at=days.now)
        days.pass_(hours=0.9)
        assert len(attempts_of(order)) == 2, hours


def test_at_most_eight_tries_in_all(days: Days, settings: Any) -> None:
    settings.DUNNING_SCHEDULE = (1,) * 8
    order = unpaid(days)
    for _ in range(3):
        days.pass_(days=1.2)
        replace_payment_method(order_id=order.pk, payment_method=SOFT, at=days.now)
        days.settle()
    days.pass_(days=60)

    made = ChargeAttempt.objects.filter(charge__order=order)
    assert made.count() == 8
    assert Counter(step_statuses(order))["reminded"] > 0, "the rest of the schedule reminds"
    assert dunning_run_of(order).status == "exhausted"


def test_the_network_says_to_wait_longer(days: Days) -> None:
    order = unpaid(days)
    ChargeAttempt.objects.filter(charge__order=order).update(network_advice_code="28", advice_code="")

    days.pass_(days=10)

    assert [day for _, day in attempts_of(order)] == [0, 6]


def test_the_customer_is_told_when_the_next_try_really_is(days: Days) -> None:
    order = place_renewal(paid_before(days), payment_method=SOFT)
    charge = attempts.open_charge(order_id=order.pk)
    assert charge is not None
    attempts.claim(charge_id=charge.pk, task_id="", at=days.now)
    in_six_days = Decline(code="card_declined", decline_code="insufficient_funds", network_advice_code="28")
    settlement.settle_decline(charge_id=charge.pk, decline=in_six_days, at=days.now)

    told = queries.next_attempt_at(order_id=order.pk)
    assert told == NOW + dt.timedelta(days=6)
    days.pass_(days=6)
    assert [day for _, day in attempts_of(order)] == [0, 6]


def test_the_customer_is_told_of_a_later_try_than_planned_where_the_new_card_was_tried_just_before(days: Days) -> None:
    order = unpaid(days, HARD)
    days.pass_(days=6, hours=12)
    replace_payment_method(order_id=order.pk, payment_method=SOFT, at=days.now)
    days.settle()
    assert queries.next_attempt_at(order_id=order.pk) == NOW + dt.timedelta(days=7, hours=12)


@pytest.mark.parametrize(
    ("policy", "subscription", "order_status"),
    [("cancel", "canceled", "canceled"), ("pause", "paused", "canceled"), ("past_due", "past_due", "payment_failed")],
)
def test_each_plan_ends_it_its_way(days: Days, policy: str, subscription: str, order_status: str) -> None:
    order = unpaid(days, unpaid_policy=policy)
    days.pass_(days=60)
    assert (reloaded(order).subscription.status, reloaded(order).status) == (subscription, order_status)
    assert dunning_run_of(order).status == "exhausted"
    assert len(attempts_of(order)) == 5


def test_left_past_due_the_customer_can_pay_still(days: Days) -> None:
    order = unpaid(days, unpaid_policy="past_due")
    days.pass_(days=60)
    replace_payment_method(order_id=order.pk, payment_method=SOFT, at=days.now)
    days.pass_(days=60)
    assert len(attempts_of(order)) == 6, "no second dunning"
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()
    assert (charge_of(order).status, reloaded(order).subscription.status) == ("succeeded", "active")


def test_a_policy_that_changes_meanwhile_does_not_change_what_was_begun(days: Days, settings: Any) -> None:
    order = unpaid(days, unpaid_policy="past_due")
    Plan.objects.update(unpaid_policy="cancel")
    settings.DUNNING_SCHEDULE = (1,)
    days.pass_(days=60)
    assert (reloaded(order).status, len(attempts_of(order))) == ("payment_failed", 5)


def test_a_subscription_that_never_began_is_not_past_due_and_cannot_be_paused(days: Days) -> None:
    order = place_order(payment_method=SOFT)
    Plan.objects.update(unpaid_policy="pause")
    capture(reloaded(order), at=days.now)
    assert reloaded(order).subscription.status == "incomplete"
    days.pass_(days=60)
    assert (reloaded(order).subscription.status, reloaded(order).status) == ("canceled", "canceled")
    context = message_context(kind=Notification.Kind.DUNNING_EXHAUSTED, order=reloaded(order), at=days.now)
    assert context.outcome == Outcome.CANCELED, "the message says what became of it, not what the plan wished"


def test_two_unpaid_orders_of_a_plan_that_pauses_end_it_paused(days: Days) -> None:
    first, second = two_unpaid(days, unpaid_policy="pause")
    days.pass_(days=60)
    assert {reloaded(order).status for order in (first, second)} == {"canceled"}
    assert (reloaded(first).subscription.status, reloaded(first).subscription.status_reason) == ("paused", "unpaid")


def test_a_subscription_that_is_paused_collects_nothing_else(days: Days) -> None:
    first = unpaid(days, unpaid_policy="pause")
    days.pass_(days=7)
    second = place_renewal(first, payment_method=SOFT)
    capture(second, at=days.now)
    days.until(NOW + dt.timedelta(days=21, hours=1))
    make_card_pay(second)
    days.pass_(days=30)
    assert (reloaded(first).subscription.status, reloaded(first).subscription.status_reason) == ("paused", "unpaid")
    assert {reloaded(order).status for order in (first, second)} == {"canceled"}
    assert intent_statuses(days, second) == ["canceled"], "it is not charged, nor can it be paid by an old link"
    assert (dunning_run_of(second).status, dunning_run_of(second).reason) == ("stopped", "order_canceled")


def test_what_is_unpaid_after_a_pause_that_is_over_is_not_canceled(days: Days) -> None:
    first = unpaid(days, unpaid_policy="pause")
    days.pass_(days=22)
    assert subscriptions.resume(subscription=first.subscription, paused_because=Subscription.StatusReason.UNPAID)
    second = place_renewal(first, payment_method=SOFT)
    capture(second, at=days.now)
    assert ending.cancel_other_unpaid_orders(order_id=first.pk, at=days.now) == 0
    assert reloaded(second).status == "payment_failed"


def test_dunning_stops_when_the_subscription_is_canceled(days: Days) -> None:
    """Retries after cancel: two peers had that."""
    order = unpaid(days)
    with transaction.atomic():
        subscriptions.cancel(subscription=order.subscription, reason=Subscription.StatusReason.STAFF, at=days.now)
    days.pass_(days=60)
    assert len(attempts_of(order)) == 1
    assert reloaded(order).status == "canceled"
    assert dunning_run_of(order).status == "stopped"
    assert intent_statuses(days, order) == ["canceled"]


def test_a_try_that_was_begun_before_the_cancellation_takes_no_money_after_it(days: Days) -> None:
    order = unpaid(days)
    days.until(NOW + dt.timedelta(days=2) - dt.timedelta(seconds=1))
    make_card_pay(order)
    days.sleep_until(NOW + dt.timedelta(days=2))
    dunning_steps.take_step(order_id=order.pk, step_number=1, at=days.now)
    with transaction.atomic():
        subscriptions.cancel(subscription=order.subscription, reason=Subscription.StatusReason.STAFF, at=days.now)

    days.pass_(days=1)

    assert intent_statuses(days, order) == ["canceled"]
    assert (reloaded(order).status, charge_of(order).status) == ("canceled", "canceled")
    assert published()["PaymentFailed"] == 1


def test_dunning_stops_when_its_order_alone_is_canceled(days: Days) -> None:
    order = unpaid(days)
    with transaction.atomic():
        cancellation.cancel_unpaid(order=order, at=days.now)
    days.pass_(days=60)
    assert (len(attempts_of(order)), intent_statuses(days, order)) == (1, ["canceled"])
    assert (dunning_run_of(order).status, dunning_run_of(order).reason) == ("stopped", "order_canceled")
    assert reloaded(order).subscription.status == "active", "it owes nothing any more"


def test_a_decline_that_is_heard_of_after_the_cancellation_begins_nothing(days: Days) -> None:
    order = place_renewal(paid_before(days), payment_method=SOFT)
    charge = attempts.open_charge(order_id=order.pk)
    assert charge is not None
    attempts.claim(charge_id=charge.pk, task_id="", at=days.now)
    with transaction.atomic():
        subscriptions.cancel(subscription=order.subscription, reason=Subscription.StatusReason.STAFF, at=days.now)
    # The other queue's message, which cancels the order, is the last of the three.
    ending.stop_for_subscription(subscription_id=order.subscription_id, reason="canceled", at=days.now)
    decline = Decline(code="card_declined", decline_code="insufficient_funds")
    settlement.settle_decline(charge_id=charge.pk, decline=decline, at=days.now)
    days.settle()

    assert reloaded(order).status == "canceled"
    assert not DunningRun.objects.filter(order=order).exists()
    assert published()["PaymentFailed"] == 0
    assert [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds] == []


def test_dunning_stops_for_a_customer_who_is_erased(days: Days) -> None:
    order = unpaid(days)
    assert ending.stop_for_customer(customer_id=order.customer_id, reason="erasure", at=days.now) == 1
    days.pass_(days=60)
    assert (len(attempts_of(order)), step_statuses(order)) == (1, ["dropped"])
    assert (dunning_run_of(order).status, dunning_run_of(order).reason) == ("stopped", "erasure")


def test_what_is_paid_and_refunded_is_not_collected_again(days: Days) -> None:
    order = unpaid(days)
    replace_payment_method(order_id=order.pk, payment_method="pm_card_visa", at=days.now)
    days.settle()
    request_refund(None, order_number=order.number)
    days.pass_(days=60)
    assert (reloaded(order).status, len(attempts_of(order)), step_statuses(order)) == ("refunded", 2, ["dropped"])
    assert charge_of(order).amount_refunded == order.amount


def test_dunning_that_a_dispute_stopped_goes_on_when_it_is_won(days: Days) -> None:
    order = unpaid(days)
    ending.stop_for_subscription(subscription_id=order.subscription_id, reason="disputed", at=days.now)
    days.pass_(days=30)
    assert len(attempts_of(order)) == 1

    went_on = runs.resume_for_subscription(
        subscription_id=order.subscription_id, stopped_because="disputed", at=days.now
    )
    assert went_on == 1
    days.pass_(days=2)
    assert [day for _, day in attempts_of(order)] == [0, 32]


def test_nobody_is_reminded_of_what_cannot_be_paid_any_more(days: Days) -> None:
    """Its intent was closed at Stripe while a dispute kept the dunning from going on."""
    order = unpaid(days)
    ending.stop_for_subscription(subscription_id=order.subscription_id, reason="disputed", at=days.now)
    days.sandbox.api("POST", f"/v1/payment_intents/{charge_of(order).payment_intent_id}/cancel")
    reading.read_payment_of(order_id=order.pk, at=days.now)

    runs.resume_for_subscription(subscription_id=order.subscription_id, stopped_because="disputed", at=days.now)
    days.settle()

    assert (dunning_run_of(order).status, reloaded(order).status) == ("exhausted", "canceled")
    assert (published()["PaymentReminderDue"], published()["DunningExhausted"]) == (0, 1)


def test_a_step_that_we_fail_ourselves_takes_nothing_from_the_customer(days: Days) -> None:
    order = unpaid(days)
    days.sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "error", "status": 400, "times": 1})
    days.pass_(days=2)
    assert attempts_of(order)[-1][0] == "refused"
    assert days.dead == [("charges.capture_payment", "InvalidRequest")]
    days.pass_(days=60)
    assert [day for _, day in attempts_of(order)] == [0, 2, 3, 8, 15, 22]
    assert reloaded(order).status == "canceled"


def test_what_nobody_mends_is_not_tried_for_ever(days: Days) -> None:
    order = unpaid(days)
    days.sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "error", "status": 400})
    days.pass_(days=60)
    # A week of faults of ours is one step of the schedule (2, 5, 7, 7 days).
    assert [day for _, day in attempts_of(order)] == [0, *range(2, 9), *range(13, 20), *range(26, 33), *range(39, 46)]
    assert (dunning_run_of(order).status, reloaded(order).status) == ("exhausted", "canceled")
    assert published()["PaymentFailed"] == 1


def test_a_card_that_is_detached_during_dunning_is_asked_to_be_replaced(days: Days) -> None:
    order = unpaid(days)
    card = SavedPaymentMethod.objects.get(customer=order.customer, payment_method_id=SOFT).stripe_id
    days.sandbox.api("POST", f"/v1/payment_methods/{card}/detach")
    days.pass_(days=60)
    assert attempts_of(order) == [("declined", 0), ("declined", 2)]
    assert step_statuses(order) == ["attempted", "reminded", "reminded", "dropped"]
    assert (dunning_run_of(order).status, reloaded(order).status) == ("exhausted", "canceled")
    assert not days.dead


def test_stripe_is_down_when_a_step_is_due_and_the_try_is_made_later(days: Days) -> None:
    order = unpaid(days)
    days.sandbox.faults({"kind": "error", "status": 503, "rate": 1})
    days.pass_(days=2)
    assert days.dead and attempts_of(order)[-1][0] in ("started", "unknown")
    days.sandbox.faults()
    capture(order, at=days.now)
    assert attempts_of(order)[-1][0] == "declined"
    days.pass_(days=60)
    assert len(attempts_of(order)) == 5


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("line", ["attempts.begin", "steps._finish", "steps.publish"])
def test_a_step_whose_process_is_killed_is_taken_once(
    days: Days, monkeypatch: pytest.MonkeyPatch, line: str, after: bool
) -> None:
    from charges.operations import attempts

    order = unpaid(days)
    days.sleep_until(NOW + dt.timedelta(days=2))
    module, name = line.split(".")
    target = {"attempts": attempts, "steps": dunning_steps}[module]
    with monkeypatch.context() as killed:
        killed.setattr(target, name, dying(getattr(target, name), after=after))
        with pytest.raises(Died):
            dunning_steps.take_step(order_id=order.pk, step_number=1, at=days.now)
    assert (len(attempts_of(order)), step_statuses(order)) == (1, ["planned"])
    days.pass_(hours=1)
    assert (len(attempts_of(order)), step_statuses(order)) == (2, ["attempted", "planned"])


def test_constraints_keep_one_planned_step_and_one_run(days: Days) -> None:
    order = unpaid(days)
    run = dunning_run_of(order)
    with pytest.raises(IntegrityError), transaction.atomic():
        DunningStep.objects.create(run=run, number=2, due_at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        DunningRun.objects.create(order=order, schedule=[1], unpaid_policy="cancel", started_at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        run.steps.update(status="attempted", done_at=NOW)


def test_a_year_of_dunning(days: Days) -> None:
    """A renewal a month for four kinds of customers; after each month the ledger is proven."""
    cards = {"soft": SOFT, "hard": HARD, "sca": SCA, "mends": HARD}
    placed: dict[str, list[Any]] = {kind: [] for kind in cards}
    for month in range(12):
        days.until(NOW + dt.timedelta(days=30 * month))
        for kind, card in cards.items():
            order = paid_before(days)
            renewal = place_renewal(order, payment_method=card)
            capture(renewal, at=days.now)
            placed[kind].append(renewal)
        days.pass_(days=5)
        replace_payment_method(order_id=placed["mends"][-1].pk, payment_method="pm_card_visa", at=days.now)
        days.settle()
        assert [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds] == []
    days.pass_(days=60)

    ended = {kind: Counter(reloaded(order).status for order in orders) for kind, orders in placed.items()}
    assert ended == {
        "soft": {"canceled": 12}, "hard": {"canceled": 12}, "sca": {"canceled": 12},
        "mends": {"paid": 12},
    }  # fmt: skip
    assert ChargeAttempt.objects.filter(charge__order__in=placed["soft"]).count() == 60
    assert DunningRun.objects.filter(status="active").count() == 0
    assert Counter(days.sandbox.statuses()) == {"succeeded": 48 + 12, "canceled": 36}
    assert published()["DunningExhausted"] == 36
    assert not days.dead
