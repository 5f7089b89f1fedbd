"""A customer changes plan or quantity: now, paid by card or with a credit, or at the end of the period."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from charges.models import Charge, DunningRun
from charges.operations import ledger
from charges.operations.disputes import following
from charges.operations.payments.reading import read_payment_of
from charges.operations.withdrawal import withdraw
from orders.models import BalanceEntry, Order
from orders.operations.renewals import place_renewal
from subscriptions import actors
from subscriptions.models import BillingPeriod, Hold, PendingChange, Plan, Subscription
from subscriptions.operations import renewals
from subscriptions.operations.holds import place_hold
from tests.support.accounts import BackEnd
from tests.support.concurrency import Died, Moments, at_once
from tests.support.days import NOW, Days
from tests.support.deliveries import capture, capture_by_ladder
from tests.support.factories import SCA, SOFT, make_plan, place_order, request_refund

pytestmark = pytest.mark.django_db(transaction=True)

HALF = dt.timedelta(days=31) / 2  # of March, in which the tests begin


class Customer:
    """A customer with a paid subscription, who uses the API through the shop's back end."""

    def __init__(self, days: Days, **order: Any) -> None:
        self.days = days
        first = place_order(**order)
        capture(first, at=days.now)
        days.settle()
        self.id = first.subscription_id
        self.back_end = BackEnd(customer=first.customer)
        assert self.subscription.status == "active"

    @property
    def subscription(self) -> Subscription:
        return Subscription.objects.select_related("plan", "price").get(pk=self.id)

    def post(self, action: str, body: Any) -> Any:
        return self.back_end.call("post", f"me/subscriptions/{self.id}/{action}/", body)

    def act(self, action: str) -> Any:
        """An action that needs an idempotency key."""
        return self.back_end.act(self.subscription, action, {})

    def preview(self, **wish: Any) -> Any:
        response = self.post("preview", wish)
        assert response.status_code == 200, response.json()
        return response.json()

    def change(self, **wish: Any) -> Any:
        response = self.post("change", {"quote": self.preview(**wish)["quote"]})
        assert response.status_code in (200, 202), response.json()
        return response.json()

    def pays_with(self, card: str) -> None:
        Subscription.objects.update(payment_method=card)

    def renew(self) -> Order:
        """Let the current period end, and return the order of the next one."""
        self.days.until(self.subscription.current_period_end + dt.timedelta(minutes=1))
        renewals.begin_due_renewals(at=self.days.now)
        self.days.pass_(minutes=5)
        return Order.objects.filter(subscription=self.id).latest("period_start")

    def charged(self) -> list[int]:
        return [charge["amount"] for charge in reversed(self.days.sandbox.objects("charges")) if charge["paid"]]


def balance() -> int:
    return sum(BalanceEntry.objects.values_list("amount", flat=True))


def outcomes() -> list[str]:
    return list(PendingChange.objects.order_by("pk").values_list("outcome", flat=True))


def broken() -> list[str]:
    return [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds]


@pytest.fixture
def ann(days: Days) -> Customer:
    return Customer(days, amount=1000)


@pytest.fixture
def large() -> Plan:
    return make_plan(code="large", name="Large", amount=2000)


def test_an_upgrade_is_paid_by_card_and_applies_when_it_is_paid(ann: Customer, large: Plan, days: Days) -> None:
    days.sleep_until(NOW + HALF)

    quote = ann.preview(plan="large")
    answer = ann.post("change", {"quote": quote["quote"]})

    assert (quote["when"], quote["amount_due"], quote["credit"]) == ("now", 500, 0)
    assert quote["lines"] == [{"kind": "unused", "amount": -500}, {"kind": "debit", "amount": 1000}]
    assert (answer.status_code, answer.json()["outcome"]) == (202, "awaits_payment")
    assert answer.json()["order"]["amount"] == 500
    assert ann.subscription.plan.code != "large"

    days.settle()

    assert (ann.subscription.plan, ann.subscription.price.amount) == (large, 2000)
    assert ann.charged() == [1000, 500]
    assert (outcomes(), broken(), days.dead) == (["applied"], [], [])
    renewal = ann.renew()
    assert (renewal.kind, renewal.amount) == ("renewal", quote["next_renewal_amount"]) == ("renewal", 2000)
    assert broken() == []


def test_a_declined_change_is_dropped_without_dunning(ann: Customer, large: Plan, days: Days) -> None:
    days.sleep_until(NOW + HALF)
    ann.pays_with(SOFT)

    ann.change(plan="large")
    days.settle()

    order = Order.objects.get(kind="change")
    assert (order.status, outcomes()) == ("canceled", ["dropped"])
    assert (ann.subscription.status, ann.subscription.price.amount) == ("active", 1000)
    assert not DunningRun.objects.exists()
    assert days.sandbox.statuses() == ["canceled", "succeeded"]
    assert (ann.charged(), balance(), broken(), days.dead) == ([1000], 0, [], [])
    ann.pays_with("pm_card_visa")
    assert ann.change(plan="large")["outcome"] == "awaits_payment"


def test_a_downgrade_gives_a_credit_that_the_next_renewals_use(days: Days) -> None:
    ann = Customer(days, amount=2000)
    make_plan(code="small", amount=500)
    days.sleep_until(NOW + HALF)

    quote = ann.preview(plan="small", when="now")
    answer = ann.post("change", {"quote": quote["quote"]}).json()

    assert (quote["amount_due"], quote["credit"], quote["next_renewal_amount"]) == (0, 750, 0)
    assert (answer["outcome"], answer["order"]["amount"]) == ("applied", 0)
    assert (ann.subscription.price.amount, balance()) == (500, 750)
    days.settle()
    first, second, third = ann.renew(), ann.renew(), ann.renew()
    assert [(order.amount, order.status) for order in (first, second, third)] == [
        (0, "paid"), (250, "paid"), (500, "paid"),
    ]  # fmt: skip
    assert first.fulfillment_started_at is not None
    assert (ann.charged(), balance()) == ([2000, 250, 500], 0)
    assert (broken(), days.dead) == ([], [])


def test_a_change_that_costs_less_waits_for_the_end_of_the_period(days: Days) -> None:
    ann = Customer(days, amount=2000)
    make_plan(code="small", amount=500)
    end = ann.subscription.current_period_end

    quote = ann.preview(plan="small")
    answer = ann.post("change", {"quote": quote["quote"]}).json()

    assert (quote["when"], quote["amount_due"], quote["lines"]) == ("period_end", 0, [])
    assert (quote["next_renewal_amount"], quote["applies_at"]) == (500, quote["next_renewal_at"])
    assert (answer["outcome"], answer["order"]) == ("planned", None)
    assert dt.datetime.fromisoformat(answer["applies_at"]) == end
    assert ann.subscription.price.amount == 2000
    assert ann.renew().amount == 500
    assert (ann.charged(), outcomes(), broken()) == ([2000, 500], ["applied"], [])


def test_more_units_now_and_fewer_at_the_end_of_the_period(ann: Customer, days: Days) -> None:
    days.sleep_until(NOW + HALF)

    up = ann.change(quantity=3)
    days.settle()
    down = ann.change(quantity=2)

    assert (up["order"]["amount"], down["outcome"]) == (1000, "planned")
    assert ann.subscription.quantity == 3
    assert ann.renew().amount == 2000
    assert (ann.charged(), broken()) == ([1000, 1000, 2000], [])


def test_a_customer_authenticates_the_change_on_the_payment_page(ann: Customer, large: Plan, days: Days) -> None:
    days.sleep_until(NOW + HALF)
    ann.pays_with(SCA)
    ann.change(plan="large")
    days.settle()
    order = Order.objects.get(kind="change")
    assert (order.status, ann.subscription.status, outcomes()) == ("requires_action", "active", ["waiting"])
    assert not DunningRun.objects.exists()
    assert broken() == []
    refused = ann.post("preview", {"quantity": 2})
    assert (refused.status_code, "waits for its payment" in refused.json()["detail"]) == (409, True)

    intent = str(Charge.objects.get(order=order).payment_intent_id)
    days.sandbox.confirm_in_browser(intent, SCA)
    days.sandbox.authenticate(intent)
    read_payment_of(order_id=order.pk, at=days.now)
    days.settle()

    assert (ann.subscription.plan, outcomes(), ann.charged()) == (large, ["applied"], [1000, 500])
    assert (broken(), days.dead) == ([], [])


def test_a_change_that_is_not_authenticated_within_a_day_is_dropped(ann: Customer, large: Plan, days: Days) -> None:
    days.sleep_until(NOW + HALF)
    ann.pays_with(SCA)
    ann.change(plan="large")

    days.pass_(hours=25)

    assert (Order.objects.get(kind="change").status, outcomes()) == ("canceled", ["dropped"])
    assert (ann.subscription.status, ann.subscription.price.amount) == ("active", 1000)
    assert days.sandbox.statuses() == ["canceled", "succeeded"]
    assert broken() == []


def test_an_unpaid_change_does_not_stop_the_renewal(days: Days) -> None:
    ann = Customer(days, amount=1000)
    make_plan(code="huge", amount=900000)
    days.sleep_until(ann.subscription.current_period_end - dt.timedelta(hours=1))
    ann.pays_with(SCA)
    ann.change(plan="huge")
    days.settle()
    change = Order.objects.get(kind="change")
    assert change.status == "requires_action"
    ann.pays_with("pm_card_visa")

    renewal = ann.renew()

    change.refresh_from_db()
    assert (change.status, outcomes()) == ("canceled", ["dropped"])
    assert (renewal.kind, renewal.amount, renewal.status) == ("renewal", 1000, "paid")
    assert (ann.subscription.status, ann.charged(), broken()) == ("active", [1000, 1000], [])


def test_a_renewal_uses_the_credit_that_an_unpaid_change_held(days: Days) -> None:
    """The message that cancels the order of the change comes after the one that places the renewal."""
    ann = Customer(days, amount=2000)
    make_plan(code="small", amount=500)
    make_plan(code="huge", amount=900000)
    days.sleep_until(NOW + HALF)
    ann.change(plan="small", when="now")
    days.sleep_until(ann.subscription.current_period_end - dt.timedelta(hours=1))
    ann.pays_with(SCA)
    ann.change(plan="huge", quantity=2)
    days.settle()
    assert balance() == 0
    days.sleep(hours=2)
    renewals.begin_due_renewals(at=days.now)

    renewal = place_renewal(subscription_id=ann.id, period_number=1, at=days.now)
    days.settle()

    assert renewal is not None
    assert (renewal.amount, renewal.status, balance()) == (0, "paid", 250)
    assert (Order.objects.get(amount__gt=0, kind="change").status, broken(), days.dead) == ("canceled", [], [])


def test_an_amount_below_the_minimum_is_carried_to_the_next_order(days: Days) -> None:
    """A change on the last day costs 48 and credits 32: 16 cannot be charged."""
    ann = Customer(days, amount=1000)
    make_plan(code="bigger", amount=1500)
    days.sleep_until(NOW + dt.timedelta(days=30))

    quote = ann.preview(plan="bigger")
    assert quote["lines"] == [
        {"kind": "unused", "amount": -32}, {"kind": "debit", "amount": 48}, {"kind": "balance", "amount": -16},
    ]  # fmt: skip
    assert (quote["amount_due"], quote["next_renewal_amount"]) == (0, 1516)
    assert ann.post("change", {"quote": quote["quote"]}).json()["outcome"] == "applied"

    renewal = ann.renew()

    assert [(line.kind, line.amount) for line in renewal.lines.order_by("pk")] == [("period", 1500), ("balance", 16)]
    assert (ann.charged(), balance(), broken()) == ([1000, 1516], 0, [])


def test_another_interval_begins_a_new_period(ann: Customer, days: Days) -> None:
    make_plan(code="yearly", amount=10000, interval="year")
    days.sleep_until(NOW + HALF)

    quote = ann.preview(plan="yearly", when="now")
    ann.post("change", {"quote": quote["quote"]})
    days.settle()

    assert quote["lines"] == [{"kind": "unused", "amount": -500}, {"kind": "period", "amount": 10000}]
    subscription = ann.subscription
    assert (subscription.period_number, subscription.current_period_start) == (1, NOW + HALF)
    assert subscription.renews_at == dt.datetime(2027, 3, 17, tzinfo=dt.UTC)
    periods = BillingPeriod.objects.order_by("number")
    assert [(period.start, period.outcome) for period in periods] == [(NOW, "billed"), (NOW + HALF, "billed")]
    assert (ann.charged(), broken()) == ([1000, 9500], [])
    assert ann.renew().amount == 10000
    assert broken() == []


def test_a_yearly_plan_that_becomes_monthly_leaves_a_credit(days: Days) -> None:
    ann = Customer(days, amount=100000, interval="year")
    make_plan(code="monthly", amount=10000)
    days.sleep_until(NOW + dt.timedelta(days=73))

    quote = ann.preview(plan="monthly", when="now")
    answer = ann.post("change", {"quote": quote["quote"]}).json()
    days.settle()

    assert [line["amount"] for line in quote["lines"]] == [-80000, 10000, 70000]
    assert (answer["outcome"], quote["next_renewal_amount"], balance()) == ("applied", 0, 70000)
    assert Order.objects.get(kind="change").period == BillingPeriod.objects.get(number=1)
    renewals_ = [ann.renew().amount for _ in range(8)]
    assert renewals_ == [0] * 7 + [10000]
    assert (ann.charged(), balance(), broken()) == ([100000, 10000], 0, [])


def test_an_outdated_quote_is_refused(ann: Customer, large: Plan, days: Days) -> None:
    days.sleep_until(NOW + HALF)
    used, other = (ann.preview(plan="large")["quote"] for _ in range(2))
    assert ann.post("change", {"quote": used}).status_code == 202
    days.settle()
    again, outdated = ann.post("change", {"quote": used}), ann.post("change", {"quote": other})
    assert (again.status_code, again.json()["detail"]) == (409, "This quote was used. Ask for another one.")
    assert (outdated.status_code, "has changed since" in outdated.json()["detail"]) == (409, True)
    expired = ann.preview(quantity=2)["quote"]
    days.sleep(minutes=15)
    refused = ann.post("change", {"quote": expired})
    assert (refused.status_code, "expired" in refused.json()["detail"]) == (409, True)
    assert ann.charged() == [1000, 500]


def test_a_customer_withdraws_a_change_that_waits_for_its_payment(ann: Customer, large: Plan, days: Days) -> None:
    days.sleep_until(NOW + HALF)
    ann.pays_with(SCA)
    ann.change(plan="large")
    days.settle()
    order = Order.objects.get(kind="change")
    intent = str(Charge.objects.get(order=order).payment_intent_id)

    assert ann.act("undo").status_code == 200
    # The customer authenticates in a window that was still open, before the shop cancels the payment.
    days.sandbox.confirm_in_browser(intent, SCA)
    days.sandbox.authenticate(intent)
    days.settle()

    order.refresh_from_db()
    assert (order.status, outcomes(), ann.subscription.price.amount) == ("canceled", ["withdrawn"], 1000)
    assert [refund["amount"] for refund in days.sandbox.objects("refunds")] == [500]
    assert (broken(), days.dead) == ([], [])


def test_a_planned_change_is_withdrawn(days: Days) -> None:
    ann = Customer(days, amount=2000)
    make_plan(code="small", amount=500)
    ann.change(plan="small")
    assert ann.act("undo").status_code == 200
    assert (ann.renew().amount, outcomes()) == (2000, ["withdrawn"])


def test_a_dispute_that_pauses_the_subscription_drops_the_change_with_a_refund(
    ann: Customer, large: Plan, days: Days
) -> None:
    days.sleep_until(NOW + HALF)
    ann.pays_with(SCA)
    ann.change(plan="large")
    days.settle()
    order = Order.objects.get(kind="change")
    place_hold(
        subscription=ann.subscription, reason=Hold.Reason.DISPUTED, actor=actors.system("tests"), at=days.now
    )
    intent = str(Charge.objects.get(order=order).payment_intent_id)
    days.sandbox.confirm_in_browser(intent, SCA)
    days.sandbox.authenticate(intent)
    read_payment_of(order_id=order.pk, at=days.now)
    days.settle()

    order.refresh_from_db()
    assert (order.status, outcomes(), ann.subscription.price.amount) == ("canceled", ["dropped"], 1000)
    assert [refund["amount"] for refund in days.sandbox.objects("refunds")] == [500]
    assert (broken(), days.dead) == ([], [])


def test_two_changes_at_once_charge_one_of_them(ann: Customer, large: Plan, days: Days) -> None:
    days.sleep_until(NOW + HALF)
    bodies = [{"quote": ann.preview(plan="large")["quote"]}, {"quote": ann.preview(quantity=5)["quote"]}]

    answers = at_once(*(lambda body=body: ann.post("change", body) for body in [*bodies, *bodies]))
    days.settle()

    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    assert (len(ann.charged()), outcomes(), broken()) == (2, ["applied"], [])


def test_a_worker_is_killed_at_a_moment_of_the_payment(ann: Customer, days: Days) -> None:
    """Wherever the worker dies, the change is applied once and charged once. Every second moment is enough."""
    moments = Moments()
    with moments:
        capture(changed_quantity(ann, 2), at=days.now)
    assert len(moments.seen) >= 8

    for quantity, moment in enumerate(moments.seen[::2], start=3):
        order = changed_quantity(ann, quantity)
        with pytest.raises(Died), Moments(die_at=moment):
            capture(order, at=days.now)
        assert capture_by_ladder(order, at=days.now) == [], moment
        assert ann.subscription.quantity == quantity, moment

    charged = Order.objects.filter(amount__gt=0, paid_at__isnull=False)
    assert sorted(ann.charged()) == sorted(charged.values_list("amount", flat=True))
    days.settle()
    assert broken() == []


def changed_quantity(customer: Customer, quantity: int) -> Order:
    """The unpaid order of a change to this quantity, a minute later."""
    customer.days.sleep(minutes=1)
    customer.change(quantity=quantity)
    return Order.objects.filter(kind="change").latest("placed_at")


def test_a_cancellation_refunds_the_rest_of_the_period_and_the_credit_once(days: Days) -> None:
    """1000 are unused halfway: 750 of them become a credit, and 250 are the rest of the period at the new price."""
    ann = Customer(days, amount=2000)
    make_plan(code="small", amount=500)
    days.sleep_until(NOW + HALF)
    ann.change(plan="small", when="now")

    answer = ann.back_end.act(ann.subscription, "cancel", {"when": "now", "refund": True})
    days.settle()

    assert answer.status_code == 200, answer.json()
    assert [refund["amount"] for refund in days.sandbox.objects("refunds")] == [1000]
    assert (balance(), broken(), days.dead) == (0, [], [])


def test_a_withdrawal_refunds_everything_and_takes_the_credit_back(days: Days) -> None:
    ann = Customer(days, amount=2000)
    make_plan(code="small", amount=500)
    days.sleep_until(NOW + dt.timedelta(days=5))
    ann.change(plan="small", when="now")
    assert balance() > 0

    withdraw(subscription_id=ann.id, actor=actors.system("tests"), at=days.now)
    days.settle()

    assert [refund["amount"] for refund in days.sandbox.objects("refunds")] == [2000]
    assert (balance(), broken(), days.dead) == (0, [], [])


def follow(days: Days, dispute_id: str) -> None:
    charge = Charge.objects.order_by("pk").first()
    assert charge is not None
    following.follow(charge_id=charge.pk, dispute_id=dispute_id, at=days.now)
    days.settle()


def disputed(customer: Customer) -> str:
    """The bank takes back the customer's first payment. The plan keeps subscriptions in disputes."""
    intent = Charge.objects.order_by("pk").values_list("payment_intent_id", flat=True)[0]
    dispute_id = customer.days.sandbox.dispute(str(intent))
    follow(customer.days, dispute_id)
    return dispute_id


def test_money_that_the_bank_took_back_is_not_credited(ann: Customer, large: Plan, days: Days) -> None:
    Plan.objects.update(dispute_policy="keep")
    days.sleep_until(NOW + HALF)
    ready = ann.preview(plan="large")["quote"]
    dispute_id = disputed(ann)

    assert ann.post("change", {"quote": ready}).status_code == 409
    assert ann.preview(plan="large")["amount_due"] == 1000

    days.sandbox.move_dispute(dispute_id, "closed", status="won")
    follow(days, dispute_id)
    assert ann.preview(plan="large")["amount_due"] == 500


def test_a_credit_from_a_payment_that_the_bank_took_back_is_not_used(days: Days) -> None:
    ann = Customer(days, amount=2000)
    make_plan(code="small", amount=500)
    Plan.objects.update(dispute_policy="keep")
    days.sleep_until(NOW + HALF)
    ann.change(plan="small", when="now")
    assert balance() == 750

    dispute_id = disputed(ann)
    assert ann.renew().amount == 500

    days.sandbox.move_dispute(dispute_id, "closed", status="won")
    follow(days, dispute_id)
    assert ann.renew().amount == 0
    assert (balance(), broken(), days.dead) == (250, [], [])


def test_what_the_bank_took_back_is_not_refunded_from_another_payment(ann: Customer, large: Plan, days: Days) -> None:
    Plan.objects.update(dispute_policy="keep")
    days.sleep_until(NOW + HALF)
    ann.change(plan="large")
    days.settle()
    assert ann.charged() == [1000, 500]
    disputed(ann)
    days.sleep_until(NOW + HALF * 1.5)

    ann.back_end.act(ann.subscription, "cancel", {"when": "now", "refund": True})
    days.settle()

    assert days.sandbox.objects("refunds") == []


def test_a_refund_by_staff_while_a_change_awaits_payment_drops_it(ann: Customer, large: Plan, days: Days) -> None:
    """Otherwise the customer has the money back, and a credit for it, too."""
    days.sleep_until(NOW + HALF)
    ann.pays_with(SCA)
    ann.change(plan="large")
    days.settle()
    order = Order.objects.get(kind="change")
    assert order.status == "requires_action"
    request_refund(Charge.objects.exclude(order=order).get(), 1000)
    days.settle()

    intent = str(Charge.objects.get(order=order).payment_intent_id)
    days.sandbox.confirm_in_browser(intent, SCA)
    days.sandbox.authenticate(intent)
    read_payment_of(order_id=order.pk, at=days.now)
    days.settle()

    assert sorted(refund["amount"] for refund in days.sandbox.objects("refunds")) == [500, 1000]
    assert (ann.subscription.price.amount, outcomes(), broken()) == (1000, ["dropped"], [])


def test_a_withdrawal_takes_back_a_credit_that_an_unpaid_order_holds(days: Days) -> None:
    ann = Customer(days, amount=2000)
    make_plan(code="small", amount=500)
    days.sleep_until(NOW + dt.timedelta(days=5))
    ann.change(plan="small", when="now")
    ann.pays_with(SCA)
    ann.change(quantity=6)
    days.settle()
    assert balance() == 0

    withdraw(subscription_id=ann.id, actor=actors.system("tests"), at=days.now)
    days.settle()

    assert [refund["amount"] for refund in days.sandbox.objects("refunds")] == [2000]
    assert (balance(), broken(), days.dead) == (0, [], [])


def test_a_refund_in_a_currency_with_steps_is_rounded_down(days: Days) -> None:
    """Stripe takes amounts in ISK only in hundreds."""
    ann = Customer(days, amount=249_000, currency="ISK")
    days.sleep_until(NOW + dt.timedelta(days=10))

    ann.back_end.act(ann.subscription, "cancel", {"when": "now", "refund": True})
    days.settle()

    assert [refund["amount"] for refund in days.sandbox.objects("refunds")] == [168_600]


def test_a_clock_that_goes_back_a_little_refuses_no_change(ann: Customer, days: Days) -> None:
    make_plan(code="weekly", amount=1000, interval="week")
    days.sleep_until(NOW + HALF)
    ann.change(plan="weekly", when="now")
    days.settle()
    days.now -= dt.timedelta(seconds=2)
    assert ann.subscription.current_period_start > days.now

    ann.change(quantity=2, when="now")
    days.settle()
    ann.change(quantity=3, when="now")
    days.settle()

    assert (ann.subscription.quantity, broken(), days.dead) == (3, [], [])


def test_a_payment_can_be_refunded_at_two_cancellations(days: Days) -> None:
    """At the first one, an unpaid change holds the credit. The second one returns it, from the same payment."""
    ann = Customer(days, amount=2000)
    make_plan(code="small", amount=500)
    days.sleep_until(NOW + HALF)
    ann.change(plan="small", when="now")
    ann.pays_with(SCA)
    ann.change(quantity=6)
    days.settle()
    for _ in range(2):
        assert ann.back_end.act(ann.subscription, "cancel", {"when": "now", "refund": True}).status_code == 200
        days.settle()
        if _ == 0:
            assert ann.back_end.act(ann.subscription, "reinstate", {}).status_code == 200
            days.settle()

    assert sorted(refund["amount"] for refund in days.sandbox.objects("refunds")) == [250, 250]
    assert (balance(), broken(), days.dead) == (0, [], [])
