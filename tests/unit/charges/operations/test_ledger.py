"""``check_ledger`` reports nothing after real payments. It reports each kind of damage under exactly one invariant."""

from __future__ import annotations

import datetime as dt
import logging
import re
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from charges.invariants import INVARIANTS
from charges.models import Charge, ChargeAttempt, Dispute, DunningRun, DunningStep, Refund, SavedPaymentMethod
from charges.operations import ledger
from charges.operations.payments import intents, settlement
from charges.operations.refunds import settlement as refund_settlement
from integrations.stripe import payment_intents, refunds
from orders.models import BalanceEntry, Order, OrderLine, Quote
from subscriptions.models import (
    BillingPeriod,
    Customer,
    Erasure,
    PendingChange,
    Plan,
    Subscription,
    SubscriptionChange,
    TrialUse,
)
from subscriptions.queries import WITHDRAWAL
from tests.support.days import NOW
from tests.support.deliveries import capture, deliver_refund, start_fulfillments
from tests.support.factories import (
    charge_of,
    dunning_run_of,
    make_plan,
    next_period,
    place_order,
    place_renewal,
    request_refund,
)
from tests.support.plan_changes import change, paid_change, paid_subscription
from tests.support.queries import only_by
from tests.support.sandboxes import StripeSandbox
from tests.support.subscriptions import put_in_status

DAY = dt.timedelta(days=1)
NAMES = [invariant.name for invariant in INVARIANTS]
BREAKS: dict[str, Callable[[], Any]] = {}


def findings() -> dict[str, ledger.Verdict]:
    """The broken invariants, as the running test's transaction sees them."""
    verdicts = ledger.examine(INVARIANTS, before_each=lambda _: None)
    return {verdict.invariant.name: verdict for verdict in verdicts if not verdict.holds}


def ordered(**fields: Any) -> Order:
    """An order as the checkout leaves it. If its status is ``payment_failed``, it has a dunning run."""
    order: Order = place_order(**fields)
    if order.status in ("payment_failed", "requires_action"):
        dunned(order)
    return order


def dunned(order: Order, **fields: Any) -> DunningRun:
    run = DunningRun.objects.create(
        **{"order": order, "schedule": [2], "unpaid_policy": "cancel", "started_at": NOW, **fields}
    )
    DunningStep.objects.create(run=run, number=1, due_at=NOW)
    return run


def paid(**fields: Any) -> Charge:
    """The charge of a paid order, with all rows that settlement writes. Its fulfillment has started."""
    order = ordered(**fields)
    charge = charged(order, status="succeeded")
    attempted(charge, status="succeeded")
    Order.objects.filter(pk=order.pk).update(status="paid", paid_at=NOW, fulfillment_started_at=NOW)
    Subscription.objects.filter(pk=order.subscription_id).update(status="active")
    return charge


def charged(order: Order, *, status: str) -> Charge:
    name = uuid.uuid4().hex
    succeeded = status == "succeeded"
    return Charge.objects.create(
        order=order,
        amount=order.amount,
        currency=order.currency,
        payment_method=order.payment_method,
        status=status,
        payment_intent_id=f"pi_{name}",
        stripe_charge_id=f"ch_{name}" if succeeded else "",
        succeeded_at=NOW if succeeded else None,
    )


def refunded(charge: Charge, amount: int, *, status: str = "succeeded") -> Refund:
    """A refund, counted in its charge. The order's status does not change."""
    refund = Refund.objects.create(
        charge=charge,
        amount=amount,
        origin="staff",
        status=status,
        stripe_id=f"re_{uuid.uuid4().hex}",
        succeeded_at=NOW if status == "succeeded" else None,
        failed_at=NOW if status in ("failed", "canceled") else None,
    )
    if status in Refund.COUNTED:
        counted(charge, F("amount_refunded") + amount)
    return refund


def counted(charge: Charge, amount: Any) -> None:
    """Count this amount as refunded, in the charge and in its order."""
    Charge.objects.filter(pk=charge.pk).update(amount_refunded=amount)
    Order.objects.filter(pk=charge.order_id).update(amount_refunded=amount)


def attempted(charge: Charge, *, status: str, number: int = 1) -> ChargeAttempt:
    return ChargeAttempt.objects.create(
        charge=charge,
        number=number,
        idempotency_key=f"charge:{charge.pk}:confirm:{number}",
        payment_method=charge.payment_method,
        status=status,
        stripe_charge_id=charge.stripe_charge_id if status == "succeeded" else "",
        started_at=timezone.now(),
        finished_at=None if status in ChargeAttempt.OPEN else timezone.now(),
    )


def without(model: type[Any], *names: str) -> None:
    """Drop constraints and unique indexes, until the test's transaction ends."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in names:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT IF EXISTS "{name}"')
            cursor.execute(f'DROP INDEX IF EXISTS "{name}"')


def unique_constraint(model: type[Any], column: str) -> str:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    return next(name for name, facts in found.items() if facts["unique"] and facts["columns"] == [column])


def breaks(name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Register a function that breaks the invariant with this name."""

    def register(function: Callable[[], Any]) -> Callable[[], Any]:
        BREAKS[f"{name}: {function.__name__}"] = function
        return function

    return register


@breaks("paid_order_has_its_payment")
def paid_order_without_a_charge() -> None:
    order = ordered()
    Order.objects.filter(pk=order.pk).update(status="fulfilled", paid_at=NOW, fulfilled_at=NOW)
    Subscription.objects.filter(pk=order.subscription_id).update(status="active")


@breaks("paid_order_has_its_payment")
def refunded_order_with_a_failed_charge() -> None:
    charge = paid()
    charge.attempts.update(status="declined")
    Charge.objects.filter(pk=charge.pk).update(status="failed", succeeded_at=None)
    Order.objects.filter(pk=charge.order_id).update(status="refunded")


@breaks("order_paid_once")
def two_charges_for_one_order() -> None:
    order = paid().order
    without(Charge, unique_constraint(Charge, "order_id"))
    attempted(charged(order, status="succeeded"), status="succeeded")


@breaks("no_money_for_a_canceled_order")
def canceled_order_with_a_payment() -> None:
    Order.objects.filter(pk=paid().order_id).update(status="canceled", canceled_at=NOW)


@breaks("no_money_for_a_canceled_order")
def canceled_order_with_a_partial_refund() -> None:
    charge = paid()
    refunded(charge, 1289)
    Order.objects.filter(pk=charge.order_id).update(status="canceled", canceled_at=NOW)


@breaks("payment_reaches_its_order")
def charge_succeeded_and_order_failed() -> None:
    Order.objects.filter(pk=paid().order_id).update(status="payment_failed")


def not_started(**fields: Any) -> Charge:
    """The charge of a paid order whose fulfillment has not started."""
    charge = paid()
    Order.objects.filter(pk=charge.order_id).update(fulfillment_started_at=None, **fields)
    return charge


@breaks("paid_order_is_started")
def paid_and_not_started() -> None:
    not_started(paid_at=timezone.now() - dt.timedelta(minutes=61))


@breaks("paid_order_is_started")
def partially_refunded_and_not_started() -> None:
    refunded(not_started(status="partially_refunded"), 500)


@breaks("paid_order_is_started")
def failed_refund_and_not_started() -> None:
    refunded(not_started(), 1290, status="failed")


@breaks("order_follows_its_charge")
def charge_failed_and_order_pending() -> None:
    attempted(charged(ordered(), status="failed"), status="declined")


@breaks("order_follows_its_charge")
def charge_requires_action_and_order_failed() -> None:
    attempted(charged(ordered(status="payment_failed"), status="requires_action"), status="requires_action")


@breaks("outcome_has_a_charge")
def failed_order_without_a_charge() -> None:
    ordered(status="payment_failed")


@breaks("charge_has_the_amount_of_its_order")
def another_amount() -> None:
    Charge.objects.filter(pk=paid().pk).update(amount=1291)


@breaks("charge_has_the_amount_of_its_order")
def another_currency() -> None:
    Charge.objects.filter(pk=paid().pk).update(currency="CHF")


@breaks("order_is_the_sum_of_its_lines")
def extra_line() -> None:
    order = paid().order
    OrderLine.objects.create(order=order, plan=order.subscription.plan, quantity=2, unit_amount=5, amount=10)


@breaks("order_is_the_sum_of_its_lines")
def no_line() -> None:
    OrderLine.objects.filter(order=paid().order_id).delete()


@breaks("one_succeeded_attempt")
def two_succeeded_attempts() -> None:
    charge = paid()
    without(ChargeAttempt, "one_succeeded_attempt")
    attempted(charge, status="succeeded", number=2)


@breaks("one_open_attempt")
def two_open_attempts() -> None:
    charge = charged(ordered(), status="pending")
    without(ChargeAttempt, "one_open_attempt")
    attempted(charge, status="started")
    attempted(charge, status="unknown", number=2)


@breaks("success_has_evidence")
def succeeded_without_an_attempt() -> None:
    paid().attempts.all().delete()


@breaks("success_has_evidence")
def succeeded_without_a_stripe_charge() -> None:
    charge = paid()
    charge.attempts.update(status="declined")
    Charge.objects.filter(pk=charge.pk).update(stripe_charge_id="")


@breaks("succeeded_attempt_pays_its_charge")
def attempt_succeeded_and_charge_failed() -> None:
    attempted(charged(ordered(status="payment_failed"), status="failed"), status="succeeded")


@breaks("succeeded_attempt_pays_its_charge")
def attempt_of_another_payment() -> None:
    paid().attempts.update(stripe_charge_id="ch_another")


@breaks("open_attempt_fits_its_charge")
def open_after_success() -> None:
    attempted(paid(), status="unknown", number=2)


@breaks("open_attempt_fits_its_charge")
def open_after_the_decline() -> None:
    attempted(charged(ordered(status="payment_failed"), status="failed"), status="started")


@breaks("open_attempt_fits_its_charge")
def attempt_requires_action_and_charge_pending() -> None:
    attempted(charged(ordered(), status="pending"), status="requires_action")


@breaks("intent_of_one_charge")
def one_intent_for_two_charges() -> int:
    without(Charge, unique_constraint(Charge, "payment_intent_id"))
    Charge.objects.filter(pk__in=[paid().pk, paid().pk]).update(payment_intent_id="pi_of_both")
    return 2


@breaks("payment_of_one_charge")
def one_payment_for_two_charges() -> int:
    without(Charge, "charge_payment_once")
    both = [paid().pk, paid().pk]
    Charge.objects.filter(pk__in=both).update(stripe_charge_id="ch_of_both")
    ChargeAttempt.objects.filter(charge__in=both).update(stripe_charge_id="ch_of_both")
    return 2


@breaks("refunds_add_up")
def counted_without_a_refund() -> None:
    counted(paid(), 1)


@breaks("refunds_add_up")
def refund_that_is_not_counted() -> None:
    charge = paid()
    refunded(charge, 500, status="pending")
    counted(charge, 0)


@breaks("refunds_add_up")
def failed_refund_that_is_counted() -> None:
    refunded(paid(), 500, status="pending")
    Refund.objects.update(status="failed", failed_at=NOW)


@breaks("refunds_add_up")
def refunded_more_than_paid() -> None:
    charge = paid()
    without(Charge, "refunded_at_most_paid")
    without(Order, "order_is_refunded_at_most_once")
    refunded(charge, 1290)
    refunded(charge, 1)
    Order.objects.filter(pk=charge.order_id).update(status="refunded")


@breaks("withdrawal_refunds_its_payments")
def a_withdrawal_without_a_refund() -> int:
    for fields in ({}, {"is_digital": False}):
        withdrawn(paid(), **fields)
    shipped = paid()
    Order.objects.filter(pk=shipped.order_id).update(fulfilled_at=NOW)
    withdrawn(shipped, is_digital=False)
    return 2


def withdrawn(charge: Charge, *, is_digital: bool = True) -> None:
    subscription = charge.order.subscription
    Plan.objects.filter(pk=subscription.plan_id).update(is_digital=is_digital)
    put_in_status("canceled", "withdrawal", subscription=subscription)


@breaks("refund_of_a_payment")
def refund_of_a_failed_charge() -> None:
    charge = charged(ordered(status="payment_failed"), status="failed")
    attempted(charge, status="declined")
    refunded(charge, 5, status="failed")


@breaks("refunded_order_has_its_refunds")
def refunded_order_without_a_refund() -> None:
    Order.objects.filter(pk=paid().order_id).update(status="refunded")


@breaks("refunded_order_has_its_refunds")
def refunded_order_with_a_partial_refund() -> None:
    charge = paid()
    refunded(charge, 1289)
    Order.objects.filter(pk=charge.order_id).update(status="refunded")


@breaks("refunded_order_has_its_refunds")
def refunded_order_with_a_pending_refund() -> None:
    charge = paid()
    refunded(charge, 1290, status="pending")
    Order.objects.filter(pk=charge.order_id).update(status="refunded")


@breaks("refunded_order_has_its_refunds")
def partially_refunded_order_with_a_full_refund() -> None:
    charge = paid()
    refunded(charge, 1290)
    Order.objects.filter(pk=charge.order_id).update(status="partially_refunded")


@breaks("refunded_order_has_its_refunds")
def partially_refunded_order_without_a_refund() -> None:
    Order.objects.filter(pk=paid().order_id).update(status="partially_refunded")


@breaks("refund_reaches_its_order")
def order_still_paid_after_a_refund() -> None:
    refunded(paid(), 1)


@breaks("paid_order_starts_its_subscription")
def subscription_still_incomplete_after_payment() -> None:
    Subscription.objects.filter(pk=paid().order.subscription_id).update(status="incomplete")


@breaks("active_subscription_was_paid")
def active_with_an_unpaid_order() -> None:
    Subscription.objects.filter(pk=ordered().subscription_id).update(status="active")


@breaks("active_subscription_was_paid")
def active_without_an_order() -> None:
    order = ordered()
    Subscription.objects.filter(pk=order.subscription_id).update(status="active")
    BillingPeriod.objects.filter(pk=order.period_id).update(outcome="due")
    order.delete()


@breaks("order_of_its_subscriptions_customer")
def order_of_another_customer() -> None:
    stranger = Customer.objects.create(email="stranger@example.com", email_key="stranger@example.com", name="Stranger")
    Order.objects.filter(pk=paid().order_id).update(customer=stranger)


def failed() -> Charge:
    """The charge of an order whose payment failed, in the middle of its dunning."""
    charge = charged(ordered(status="payment_failed"), status="failed")
    attempted(charge, status="declined")
    return charge


@breaks("unpaid_order_is_dunned")
def failed_order_without_a_dunning_run() -> None:
    run = dunning_run_of(failed().order)
    run.steps.all().delete()
    run.delete()


@breaks("dunning_ends_with_its_order")
def dunning_of_a_paid_order() -> None:
    dunned(paid().order)


@breaks("dunning_ends_with_its_order")
def dunning_of_an_order_canceled_hours_ago() -> None:
    long_ago = timezone.now() - dt.timedelta(hours=2)
    Order.objects.filter(pk=failed().order_id).update(status="canceled", canceled_at=long_ago)


@breaks("dunning_goes_on")
def dunning_without_a_next_step() -> None:
    dunning_run_of(failed().order).steps.update(status="reminded", done_at=NOW)


@breaks("attempt_of_its_own_order")
def step_with_an_attempt_of_another_order() -> None:
    another = failed().attempts.get()
    run = dunning_run_of(failed().order)
    run.steps.update(status="attempted", done_at=NOW, attempt=another)
    DunningStep.objects.create(run=run, number=2, due_at=NOW)


@breaks("past_due_subscription_owes")
def past_due_without_an_unpaid_order() -> None:
    Subscription.objects.filter(pk=paid().order.subscription_id).update(status="past_due")


@breaks("canceled_subscription_owes_nothing")
def unpaid_order_of_a_canceled_subscription() -> None:
    long_ago = timezone.now() - dt.timedelta(hours=2)
    Subscription.objects.filter(pk=ordered().subscription_id).update(
        status="canceled", canceled_at=long_ago, renews_at=None
    )


LONG_AGO = timezone.now() - dt.timedelta(days=4)


@breaks("payment_comes_to_an_outcome")
def order_without_a_charge_for_days() -> None:
    ordered(placed_at=LONG_AGO)


@breaks("payment_comes_to_an_outcome")
def rejected_by_our_fault_and_forgotten() -> None:
    attempted(charged(ordered(placed_at=LONG_AGO), status="failed"), status="rejected")
    ChargeAttempt.objects.filter(status="rejected").update(started_at=LONG_AGO)


@breaks("payment_comes_to_an_outcome")
def dunning_attempt_unknown_for_days() -> None:
    charge = charged(ordered(status="payment_failed"), status="pending")
    attempted(charge, status="unknown")
    charge.attempts.update(started_at=LONG_AGO)


def renewed() -> Order:
    """The order of the second period of a subscription whose first period is paid."""
    order: Order = place_renewal(paid().order, payment_method="pm_card_visa")
    return order


def next_periods(order: Order, number: int) -> None:
    """Begin further periods of the order's subscription. They are missed, so they are not billed."""
    for _ in range(number):
        period = next_period(order.subscription)
        BillingPeriod.objects.filter(pk=period.pk).update(outcome="missed")


@breaks("periods_tile")
def overlapping_periods() -> None:
    order = paid().order
    next_periods(order, 2)
    middle = BillingPeriod.objects.filter(subscription=order.subscription, number=1)
    middle.update(start=F("start") - dt.timedelta(days=1))


@breaks("periods_tile")
def gap_between_periods() -> None:
    order = paid().order
    next_periods(order, 2)
    middle = BillingPeriod.objects.filter(subscription=order.subscription, number=1)
    middle.update(start=F("start") + dt.timedelta(days=1))


@breaks("periods_tile")
def skipped_period_number() -> None:
    order = paid().order
    next_periods(order, 2)
    BillingPeriod.objects.filter(subscription=order.subscription, number=2).update(number=3)
    Subscription.objects.filter(pk=order.subscription_id).update(period_number=3)


@breaks("periods_tile")
def missing_first_period() -> None:
    order = paid().order
    next_periods(order, 2)
    BillingPeriod.objects.filter(subscription=order.subscription, number=1).delete()


@breaks("current_period_is_the_last")
def period_after_the_current_one() -> None:
    order = paid().order
    subscription = Subscription.objects.filter(pk=order.subscription_id)
    before = subscription.values("period_number", "current_period_start", "current_period_end", "renews_at").get()
    next_periods(order, 1)
    subscription.update(**before)


@breaks("current_period_is_the_last")
def current_period_with_other_dates() -> None:
    later = F("current_period_end") + dt.timedelta(days=1)
    Subscription.objects.filter(pk=paid().order.subscription_id).update(current_period_end=later, renews_at=later)


@breaks("order_has_the_dates_of_its_period")
def order_with_other_dates_than_its_period() -> None:
    Order.objects.filter(pk=renewed().pk).update(period_end=F("period_end") + dt.timedelta(days=1))


@breaks("order_has_the_dates_of_its_period")
def orders_of_each_others_subscriptions() -> int:
    one, other = renewed(), renewed()
    without(Order, "one_order_per_period")
    Order.objects.filter(pk=one.pk).update(period=other.period)
    Order.objects.filter(pk=other.pk).update(period=one.period)
    return 2


@breaks("one_order_per_period")
def two_orders_for_one_period() -> int:
    renewal = renewed()
    without(Order, "one_order_per_period")
    twice = place_renewal(renewal, payment_method="pm_card_visa")
    unused, dates = twice.period, {"period_start": renewal.period_start, "period_end": renewal.period_end}
    Order.objects.filter(pk=twice.pk).update(period=renewal.period, **dates)
    BillingPeriod.objects.filter(pk=unused.pk).update(outcome="missed")
    return 2


@breaks("billed_period_has_its_order")
def billed_without_an_order() -> None:
    next_period(paid().order.subscription)


@breaks("billed_period_has_its_order")
def an_order_for_a_skipped_period() -> None:
    BillingPeriod.objects.filter(pk=renewed().period_id).update(outcome="skipped")


@breaks("subscription_has_a_price_of_its_plan")
def a_price_of_another_plan() -> None:
    order, other = paid().order, paid().order
    Subscription.objects.filter(pk=order.subscription_id).update(price=other.subscription.price)


def trial() -> Charge:
    """The charge of a trial that began."""
    charge = paid()
    order, subscription = charge.order, charge.order.subscription
    OrderLine.objects.filter(order=order).update(kind="trial", unit_amount=1290, amount=0)
    Order.objects.filter(pk=order.pk).update(amount=0)
    Charge.objects.filter(pk=charge.pk).update(amount=0)
    BillingPeriod.objects.filter(pk=order.period_id).update(outcome="trial")
    Subscription.objects.filter(pk=subscription.pk).update(status="trialing")
    TrialUse.objects.create(kind="address", digest=uuid.uuid4().hex, subscription=subscription)
    return charge


@breaks("trial_costs_nothing")
def a_free_order_without_a_trial() -> None:
    BillingPeriod.objects.filter(pk=trial().order.period_id).update(outcome="billed")


@breaks("trial_has_its_saved_card")
def a_trial_without_a_saved_card() -> None:
    charge = trial()
    ChargeAttempt.objects.filter(charge=charge).delete()
    charge.delete()


@breaks("trial_has_its_proof")
def a_trial_without_a_proof() -> None:
    TrialUse.objects.filter(subscription=trial().order.subscription_id).delete()


@breaks("billed_period_has_its_order")
def a_trial_without_an_order() -> None:
    period = next_period(paid().order.subscription)
    BillingPeriod.objects.filter(pk=period.pk).update(outcome="trial")


def disputed(charge: Charge, **fields: Any) -> Dispute:
    given = {"amount": charge.amount, "currency": charge.currency, "status": "needs_response", "is_inquiry": False}
    return Dispute.objects.create(
        charge=charge, stripe_id=f"du_{uuid.uuid4().hex}", reason="general", opened_at=NOW, **{**given, **fields}
    )


@breaks("disputed_payment_was_made")
def dispute_before_the_payment() -> None:
    disputed(charged(ordered(), status="pending"))


@breaks("disputed_at_most_what_was_paid")
def disputed_more_than_paid() -> None:
    charge = paid()
    disputed(charge, amount=charge.amount + 1)


@breaks("order_knows_what_was_disputed")
def charged_back_without_the_order() -> None:
    disputed(paid(), funds="withdrawn")


@breaks("disputed_subscription_is_paused")
def resumed_while_disputed() -> int:
    disputed(paid(), policy_applied="pause")
    disputed(paid(), policy_applied="cancel")
    return 2


@breaks("new_price_waits_for_its_notice")
def a_new_price_before_its_notice() -> int:
    for days in (0, 2):
        subscription = paid().order.subscription
        start = subscription.current_period_start
        not_before, closed_at = start + DAY, start + days * DAY
        BillingPeriod.objects.filter(subscription=subscription).update(at=start + 3 * DAY)
        PendingChange.objects.create(
            subscription=subscription, kind="plan", when="period_end", price=subscription.price, quantity=1,
            actor_kind="staff", actor="x", not_before=not_before, closed_at=closed_at, outcome="applied",
        )  # fmt: skip
    return 2


@breaks("paused_subscription_has_an_open_hold")
def paused_without_a_hold() -> int:
    put_in_status("paused", subscription=paid().order.subscription)
    held = paid().order.subscription
    put_in_status("paused", "staff", subscription=held)
    Subscription.objects.filter(pk=held.pk).update(status="active")
    return 2


@breaks("last_change_names_the_status")
def status_changed_without_an_operation() -> None:
    subscription = paid().order.subscription
    SubscriptionChange.objects.create(
        subscription=subscription, kind="canceled", to_status="canceled", actor_kind="system", actor="tests", at=NOW
    )


@breaks("held_subscription_is_not_billed")
def billed_while_held() -> None:
    order = paid().order
    hold = {"reason": "customer", "placed_by_kind": "system", "placed_by": "tests"}
    lifted = {"lifted_at": order.period_start + DAY, "lifted_by_kind": "system", "lifted_by": "tests"}
    order.subscription.holds.create(**hold, **lifted, placed_at=order.period_start - DAY)
    order.subscription.holds.create(**hold, **lifted, placed_at=order.period_start)


@breaks("skipped_period_is_not_billed")
def billed_although_skipped() -> None:
    subscription = paid().order.subscription
    for number in (0, 1):
        subscription.skips.create(period_number=number, actor_kind="system", actor="tests")

def erased(charge: Charge) -> Customer:
    """The customer of the paid order, as an erasure leaves the account, the order and the subscription."""
    customer = charge.order.customer
    Order.objects.filter(pk=charge.order_id).update(contact_name="", contact_phone="")
    put_in_status("canceled", subscription=charge.order.subscription)
    customer.email = customer.email_key = customer.placeholder
    customer.name, customer.phone, customer.erased_at = "", "", NOW
    customer.save()
    Erasure.objects.create(
        customer=customer, status="done", export="declined", requested_at=NOW, begun_at=NOW, done_at=NOW, certificate={}
    )
    return customer


@breaks("erasure_ends_in_time")
def erasure_that_waits_for_a_month() -> None:
    erased(paid())
    Erasure.objects.update(
        status="requested", begun_at=None, done_at=None, requested_at=timezone.now() - dt.timedelta(days=22)
    )


@breaks("erased_customer_is_not_billed")
def erased_customer_with_a_running_subscription() -> None:
    put_in_status("active", subscription=Subscription.objects.get(customer=erased(paid())))


@breaks("erased_customer_stays_erased")
def erased_customer_with_a_name() -> None:
    Customer.objects.filter(pk=erased(paid()).pk).update(name="Ada")


@breaks("erased_customer_stays_erased")
def erased_customer_with_an_address() -> None:
    Order.objects.filter(customer=erased(paid())).update(shipping_address={"line1": "Street 1"})


@breaks("erased_customer_stays_erased")
def erased_customer_with_a_city_only() -> None:
    Order.objects.filter(customer=erased(paid())).update(shipping_address={"country": "DE", "city": "Berlin"})


@breaks("erased_customer_stays_erased")
def erased_customer_with_a_whole_postal_code() -> None:
    Order.objects.filter(customer=erased(paid())).update(shipping_address={"country": "DE", "postal_code": "10115"})


@breaks("erased_customer_stays_erased")
def erased_customer_with_a_consent() -> None:
    Order.objects.filter(customer=erased(paid())).update(sms_consent=True)


@breaks("erased_customer_stays_erased")
def erased_customer_with_an_address_of_a_subscription() -> None:
    Subscription.objects.filter(customer=erased(paid())).update(shipping_address={"country": "DE"})


@breaks("erased_customer_stays_erased")
def erased_customer_with_the_expiry_of_a_card() -> None:
    SavedPaymentMethod.objects.create(customer=erased(paid()), payment_method_id="pm_1", exp_year=2030)


@breaks("erased_customer_stays_erased")
def erased_customer_with_a_card() -> None:
    SavedPaymentMethod.objects.create(customer=erased(paid()), payment_method_id="pm_1", last4="4242")


def changed(*, quantity: int = 3) -> Order:
    """The order of a change of the quantity from 2, a day after the checkout. All orders are paid and fulfilled."""
    subscription = paid_subscription(make_plan(amount=1000), quantity=2)
    order = paid_change(subscription, at=NOW + DAY, quantity=quantity).order
    assert order is not None
    for each in Order.objects.filter(subscription=subscription, amount__gt=0):
        attempted(charged(each, status="succeeded"), status="succeeded")
    Order.objects.filter(subscription=subscription).update(fulfillment_started_at=NOW)
    return order


@breaks("order_knows_its_refunds")
def order_without_the_refund_of_its_charge() -> None:
    charge = paid()
    refunded(charge, 500, status="pending")
    Order.objects.filter(pk=charge.order_id).update(amount_refunded=0)


@breaks("paid_change_was_applied")
def paid_change_that_was_dropped() -> None:
    PendingChange.objects.filter(pk=changed().pending_change_id).update(outcome="dropped")


@breaks("paid_change_was_applied")
def applied_change_that_is_not_paid() -> None:
    order = changed()
    ChargeAttempt.objects.filter(charge__order=order).update(status="declined")
    Charge.objects.filter(order=order).update(status="canceled", succeeded_at=None)
    Order.objects.filter(pk=order.pk).update(status="canceled", canceled_at=NOW)


@breaks("paid_change_was_applied")
def canceled_order_of_a_waiting_change() -> None:
    order = change(paid_subscription(make_plan(amount=1000)), at=NOW + DAY, quantity=3).order
    assert order is not None
    first = Order.objects.get(subscription=order.subscription_id, kind="first")
    attempted(charged(first, status="succeeded"), status="succeeded")
    Order.objects.filter(pk=first.pk).update(fulfillment_started_at=NOW)
    Order.objects.filter(pk=order.pk).update(status="canceled", canceled_at=NOW)


@breaks("change_has_its_quoted_amounts")
def change_with_another_debit_than_quoted() -> None:
    quote = Quote.objects.filter(pending_change=changed().pending_change_id)
    quote.update(debit=F("debit") + 1, amount=F("amount") + 1)


@breaks("balance_line_has_its_entry")
def credit_without_its_entry() -> None:
    BalanceEntry.objects.filter(order=changed(quantity=1)).delete()


@breaks("balance_line_has_its_entry")
def credit_that_was_given_back_although_its_order_is_paid() -> None:
    entry = BalanceEntry.objects.get(order=changed(quantity=1))
    BalanceEntry.objects.create(
        subscription_id=entry.subscription_id, order_id=entry.order_id, amount=-entry.amount, currency="EUR",
        reason="order_canceled", actor_kind="system", actor="tests", at=NOW,
    )  # fmt: skip


def given(subscription_id: Any, amount: int, **fields: str) -> None:
    values = {"currency": "EUR", "reason": "staff", "actor_kind": "staff", "actor": "1", **fields}
    BalanceEntry.objects.create(subscription_id=subscription_id, amount=amount, at=NOW, **values)


@breaks("credit_is_at_most_what_was_paid")
def credit_above_the_payment() -> None:
    given(paid().order.subscription_id, 1291, reason="change")


@breaks("withdrawal_takes_the_credit_back")
def a_credit_after_a_withdrawal() -> None:
    subscription = paid().order.subscription
    put_in_status("canceled", WITHDRAWAL, subscription=subscription)
    SubscriptionChange.objects.create(
        subscription=subscription, kind="canceled", reason=WITHDRAWAL, to_status="canceled", actor_kind="customer",
        actor="ann", details={"refunded": 1290}, at=NOW,
    )  # fmt: skip
    Order.objects.filter(subscription=subscription).update(status="fulfilled", fulfilled_at=NOW)
    given(subscription.pk, 5)


@breaks("balance_has_one_currency")
def credit_in_another_currency() -> None:
    given(paid().order.subscription_id, 5, currency="USD")


@pytest.mark.django_db
@pytest.mark.parametrize("case", BREAKS)
def test_damage_breaks_its_invariant_and_no_other(case: str) -> None:
    paid()
    expected = BREAKS[case]() or 1

    found = findings()

    assert list(found) == [case.split(":")[0]]
    (verdict,) = found.values()
    assert verdict.count == len(verdict.examples) == expected
    for finding in verdict.examples:
        assert finding.order_number or re.search("subscription|customer", finding.details)


def test_every_invariant_is_broken_by_some_damage() -> None:
    assert [name for name in NAMES if name not in {case.split(":")[0] for case in BREAKS}] == []


def test_the_table_can_be_read() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for invariant in INVARIANTS:
        assert invariant.sentence.endswith(".")
        assert invariant.next_step.endswith(".")


MODELS = (Order, Charge, ChargeAttempt, DunningRun, DunningStep, Refund, Subscription)


def test_the_queries_use_only_existing_statuses() -> None:
    """If a status is renamed, the queries must be renamed too."""
    states = {state for model in MODELS for state in model.Status.values}
    policies = set(Plan.DisputePolicy.values)
    words = {word for one in INVARIANTS for word in re.findall(r"'([a-z_]+)'", one.query)}
    others = {*BillingPeriod.Outcome.values, *Order.Kind.values, *TrialUse.Kind.values, *SubscriptionChange.Kind.values}
    planned = {*PendingChange.Outcome.values, WITHDRAWAL, *Erasure.Status.values}
    changes = {*OrderLine.Kind.values, *BalanceEntry.Reason.values}
    fields = {"ended_period", "country", "postal_code"}  # of JSON columns
    assert words - states - policies - others - planned - changes == {"missing", "none", *fields}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("charge_status", "attempt_status", "order_status"),
    [
        ("pending", "started", "pending_payment"),
        ("pending", "unknown", "payment_failed"),
        ("processing", "processing", "pending_payment"),
        ("processing", "declined", "payment_failed"),
        ("processing", "processing", "requires_action"),
        ("requires_action", "requires_action", "requires_action"),
        ("requires_action", "declined", "requires_action"),
        ("failed", "declined", "payment_failed"),
        ("failed", "rejected", "payment_failed"),
        ("failed", "rejected", "pending_payment"),
        ("canceled", "canceled", "payment_failed"),
        ("canceled", "canceled", "canceled"),
        ("pending", "started", "canceled"),
    ],
)
def test_settled_payments_break_no_invariant(
    charge_status: str, attempt_status: str, order_status: str
) -> None:
    attempted(charged(ordered(status=order_status), status=charge_status), status=attempt_status)
    assert findings() == {}


@pytest.mark.django_db
def test_periods_without_an_order_and_changes_within_a_period_break_no_invariant() -> None:
    renewal = renewed()
    next_periods(renewal, 2)
    changed()
    assert findings() == {}


@pytest.mark.django_db
def test_refunds_in_any_status_break_no_invariant() -> None:
    for status, order_status, amount in [
        ("pending", "paid", 500),
        ("pending", "canceled", 1290),
        ("succeeded", "canceled", 1290),
        ("failed", "fulfilled", 1290),
        ("canceled", "paid", 500),
        ("succeeded", "partially_refunded", 1289),
        ("succeeded", "refunded", 1290),
    ]:
        charge = paid()
        refunded(charge, amount, status=status)
        refunded(charge, 7, status="failed")
        Order.objects.filter(pk=charge.order_id).update(status=order_status, fulfilled_at=NOW, canceled_at=NOW)
    assert findings() == {}


@pytest.mark.django_db
def test_recently_paid_and_refunded_orders_need_no_fulfillment() -> None:
    not_started(paid_at=timezone.now() - dt.timedelta(minutes=59))
    refunded(not_started(status="refunded"), 1290)
    refunded(not_started(status="canceled", canceled_at=NOW), 1290)
    assert findings() == {}


@pytest.mark.django_db
def test_unstarted_orders_are_found_by_their_index() -> None:
    paid()
    [invariant] = [one for one in INVARIANTS if one.name == "paid_order_is_started"]
    with connection.cursor() as cursor:
        only_by("order_paid_not_started", cursor)
        cursor.execute(f"EXPLAIN {invariant.query}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert re.search(r"Scan using order_paid_not_started.*\n +Index Cond: \(paid_at <", plan), plan


@pytest.mark.django_db
def test_payments_without_an_id_are_not_one_payment() -> None:
    without(Charge, "charge_payment_once")
    both = [paid().pk, paid().pk]
    Charge.objects.filter(pk__in=both).update(stripe_charge_id="")
    ChargeAttempt.objects.filter(charge__in=both).update(stripe_charge_id="")
    assert findings() == {}


@pytest.mark.django_db
def test_a_customer_may_pay_in_a_browser_after_an_attempt() -> None:
    paid().attempts.update(status="declined")
    assert findings() == {}


@pytest.mark.django_db
def test_valid_disputes_break_no_invariant() -> None:
    disputed(paid(), policy_applied="keep")
    disputed(paid(), is_inquiry=True, status="warning_needs_response")
    disputed(paid(), policy_applied="pause", status="won", closed_at=NOW)
    disputed(paid(), amount=5000, currency="USD")
    resting = paid()
    disputed(resting, policy_applied="pause")
    put_in_status("paused", "disputed", subscription=resting.order.subscription)
    assert findings() == {}


@pytest.mark.django_db
def test_many_violations_are_counted_and_a_few_shown() -> None:
    for _ in range(23):
        failed_order_without_a_charge()

    verdict = findings()["outcome_has_a_charge"]

    assert (verdict.count, len(verdict.examples)) == (23, 20)
    numbers = [finding.order_number for finding in verdict.examples]
    assert numbers == sorted(Order.objects.values_list("number", flat=True))[:20]


@pytest.mark.django_db
def test_each_invariant_takes_one_statement() -> None:
    for _ in range(3):
        paid()
    with CaptureQueriesContext(connection) as queries:
        findings()
    assert len(queries) == len(INVARIANTS)


@pytest.mark.django_db
def test_postponed_payments_break_no_invariant() -> None:
    postponed = ordered(placed_at=LONG_AGO)
    put_in_status("paused", "disputed", subscription=postponed.subscription)
    assert findings() == {}
    put_in_status("active", subscription=postponed.subscription)
    assert findings() != {}


@pytest.mark.django_db(transaction=True)
class TestTheWholeLedger:
    """Checks committed data, as the command and the task do."""

    def test_holds_after_real_payments(self, stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        for card in ("pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired"):
            capture(ordered(payment_method=card))
        for card in ("pm_card_chargeCustomerFail", "pm_card_authenticationRequired"):
            pay_on_session(stripe_sandbox, after=card)
        capture(ordered(status="canceled"))
        cancel_while_it_is_captured(monkeypatch)
        ordered()
        refund_some(stripe_sandbox)
        start_fulfillments()

        verdicts = ledger.check_ledger()

        assert [verdict.invariant.name for verdict in verdicts if not verdict.holds] == []
        assert sorted(Charge.objects.values_list("status", flat=True)) == [
            "canceled",
            "failed",
            "requires_action",
            *["succeeded"] * 6,
        ]

    def test_is_of_one_moment_and_changes_nothing(self) -> None:
        seen: list[tuple[str, ...]] = []

        def damage_meanwhile(_: Any) -> None:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')"
                )
                seen.append(cursor.fetchone())
            if len(seen) == 2:
                other_session = threading.Thread(target=in_another_session, args=[failed_order_without_a_charge])
                other_session.start()
                other_session.join()

        verdicts = ledger.check_ledger(before_each=damage_meanwhile)

        assert all(verdict.holds for verdict in verdicts)
        assert seen == [("repeatable read", "on")] * len(INVARIANTS)
        assert [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds] == [
            "outcome_has_a_charge"
        ]

    def test_the_task_logs_an_error_per_broken_invariant_and_succeeds(self, caplog: pytest.LogCaptureFixture) -> None:
        from charges.tasks import check_ledger

        charge = paid()
        Order.objects.filter(pk=charge.order_id).update(status="canceled", canceled_at=NOW)
        failed_order_without_a_charge()

        with caplog.at_level(logging.INFO, logger="charges"):
            check_ledger()

        errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert len(errors) == 2
        assert f"no_money_for_a_canceled_order, 1 times. order {charge.order.number}, charge {charge.pk}" in errors[0]
        assert "outcome_has_a_charge" in errors[1]
        assert "@" not in "".join(errors)


def pay_on_session(stripe_sandbox: StripeSandbox, *, after: str) -> None:
    """The shop's attempt with the card ``after`` fails. Then the customer pays the same intent in the browser."""
    order = ordered(payment_method=after)
    capture(order)
    charge = Charge.objects.get(order=order)
    intent_id = str(charge.payment_intent_id)
    stripe_sandbox.api(
        "POST",
        f"/v1/payment_intents/{intent_id}/confirm",
        payment_method="pm_card_visa",
        return_url="https://shop.example",
    )
    settlement.settle(charge_id=charge.pk, intent=payment_intents.retrieve(payment_intent_id=intent_id), at=NOW)


def refund_some(stripe_sandbox: StripeSandbox) -> None:
    """Three refunds: a partial one by staff, a full one, which the bank returns later, and a pending one."""
    part, whole, waiting = [ordered() for _ in range(3)]
    for order in (part, whole, waiting):
        capture(order)
    deliver_refund(request_refund(charge_of(part), 290))
    made = request_refund(charge_of(whole))
    deliver_refund(made)
    made.refresh_from_db()
    stripe_sandbox.settle_refund(made.stripe_id, "fail")
    refund_settlement.settle_refund(refund_id=made.pk, stripe=refunds.retrieve(refund_id=made.stripe_id), at=NOW)
    request_refund(charge_of(waiting))


def cancel_while_it_is_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is canceled after its intent was created and before it was confirmed."""
    order = ordered()
    original = intents.ensure_intent

    def created_and_canceled(**arguments: Any) -> str:
        intent_id = original(**arguments)
        Order.objects.filter(pk=order.pk).update(status="canceled", canceled_at=NOW)
        return intent_id

    with monkeypatch.context() as patch:
        patch.setattr(intents, "ensure_intent", created_and_canceled)
        capture(order)


def in_another_session(function: Callable[[], Any]) -> None:
    try:
        function()
    finally:
        connection.close()
