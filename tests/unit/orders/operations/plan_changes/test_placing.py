"""A quoted change: it charges exactly the quoted figures, once, or it is refused."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charges.invariants.changes import CHANGES
from charges.invariants.payments import PAYMENTS
from charges.operations import ledger
from integrations.outbox.models import OutboxMessage
from orders.models import BalanceEntry, Order, Quote
from orders.operations.balances import balance_of
from orders.operations.plan_changes.permission import UnableToChange
from orders.operations.plan_changes.placing import MAX_WAIT, QuoteNotFound, QuoteOutdated
from subscriptions.models import PendingChange, Plan, Subscription
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.deliveries import published
from tests.support.factories import make_plan
from tests.support.plan_changes import (
    PAYMENT,
    PERIOD_END,
    change,
    lines_of,
    outcome_of,
    paid_change,
    paid_subscription,
    quote,
    use,
)

HALF = NOW + dt.timedelta(days=31) / 2
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    return paid_subscription(coffee)


def broken() -> list[str]:
    of_sums = [one for one in PAYMENTS if one.name == "order_is_the_sum_of_its_lines"]
    verdicts = ledger.examine([*CHANGES, *of_sums], before_each=lambda _: None)
    return [verdict.invariant.name for verdict in verdicts if not verdict.holds]


@pytest.mark.django_db
def test_a_change_that_costs_something_waits_for_its_payment(subscription: Subscription) -> None:
    placed = change(subscription, at=HALF, quantity=3)

    order = placed.order
    assert order is not None
    assert (placed.outcome, order.status, order.amount) == ("awaits_payment", "pending_payment", 1290)
    assert (order.period_start, order.period_end) == (HALF, subscription.current_period_end)
    assert (subscription.quantity, outcome_of(order)) == (1, "waiting")
    assert published()["ChangePlaced"] == 1
    expiry = OutboxMessage.objects.get(task="orders.drop_unpaid_change")
    assert (expiry.not_before, expiry.kwargs["order_id"]) == (HALF + MAX_WAIT, str(order.pk))


@pytest.mark.django_db
def test_a_change_that_costs_nothing_applies_at_once(subscription: Subscription) -> None:
    paid_change(subscription, at=HALF, quantity=3)
    placed = change(subscription, at=HALF, quantity=1)
    order = placed.order
    assert order is not None
    assert (placed.outcome, order.status, order.amount) == ("applied", "paid", 0)
    assert lines_of(order) == [("unused", -1935), ("debit", 645), ("balance", 1290)]
    assert (subscription.quantity, outcome_of(order)) == (1, "applied")


@pytest.mark.django_db
def test_a_planned_change_is_replaced_by_a_newer_one(subscription: Subscription) -> None:
    change(subscription, at=HALF, quantity=3, when=PERIOD_END)
    change(subscription, at=HALF, quantity=2, when=PERIOD_END)
    change(subscription, at=HALF, quantity=4)
    assert list(PendingChange.objects.order_by("pk").values_list("outcome", flat=True)) == [
        "replaced", "replaced", "waiting",
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_quote_of_another_subscription_is_unknown(subscription: Subscription, coffee: Plan) -> None:
    other = quote(paid_subscription(coffee), at=HALF, quantity=3)
    for unknown in (other.pk, uuid4()):
        with pytest.raises(QuoteNotFound):
            use(Quote(pk=unknown, subscription=subscription), at=HALF)


def outdate_by_a_change(subscription: Subscription) -> None:
    change(subscription, at=HALF, quantity=7, when=PERIOD_END)


def outdate_by_a_refund(subscription: Subscription) -> None:
    Order.objects.update(amount_refunded=10)


def outdate_by_a_credit(subscription: Subscription) -> None:
    BalanceEntry.objects.create(
        subscription=subscription, amount=5, currency="EUR", reason="staff", actor_kind="staff", actor="1", at=NOW
    )


def outdate_by_the_end_of_the_sale(subscription: Subscription) -> None:
    Plan.objects.filter(code="large").update(is_active=False)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "outdate",
    [outdate_by_a_change, outdate_by_a_refund, outdate_by_a_credit, outdate_by_the_end_of_the_sale],
)
def test_an_outdated_quote_charges_nothing(subscription: Subscription, outdate: object) -> None:
    make_plan(code="large", amount=9000)
    quoted = quote(subscription, at=HALF, plan="large")
    outdate(subscription)
    with pytest.raises(QuoteOutdated):
        use(quoted, at=HALF + MINUTE)
    assert not Order.objects.filter(kind="change").exists()


@pytest.mark.django_db
def test_a_quote_is_valid_for_15_minutes_and_once(subscription: Subscription) -> None:
    quoted = quote(subscription, at=HALF, quantity=3)
    with pytest.raises(QuoteOutdated):
        use(quoted, at=HALF + 15 * MINUTE)
    placed = use(quoted, at=HALF + 14 * MINUTE)
    assert placed.order is not None
    assert placed.order.amount == quoted.amount
    with pytest.raises(QuoteOutdated):
        use(quoted, at=HALF + 14 * MINUTE)


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_one_is_made(subscription: Subscription) -> None:
    first, second = (quote(subscription, at=HALF, quantity=quantity) for quantity in (3, 4))
    same = at_once(*[lambda: use(first, at=HALF)] * 3, lambda: use(second, at=HALF))
    assert len([result for result in same if isinstance(result, UnableToChange)]) == 3
    assert Order.objects.filter(kind="change").count() == 1


CURRENCIES = {"EUR": 1, "JPY": 1, "ISK": 100, "JOD": 10}
SECONDS = st.integers(1, 31 * 86_400 - 1)
UNITS = st.integers(500, 50_000)  # in steps of the currency, so that each price can be charged
QUANTITIES = st.integers(1, 20)
FEW = settings(max_examples=20, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.mark.django_db
@FEW
@given(
    seconds=SECONDS,
    prices=st.tuples(UNITS, UNITS),
    quantities=st.tuples(QUANTITIES, QUANTITIES),
    currency=st.sampled_from(sorted(CURRENCIES)),
    interval=st.sampled_from(["week", "month", "year"]),
)
def test_the_order_has_the_quoted_amounts(
    seconds: int, prices: tuple[int, int], quantities: tuple[int, int], currency: str, interval: str
) -> None:
    old, new = (
        make_plan(amount=price * CURRENCIES[currency], currency=currency, interval=each)
        for price, each in zip(prices, ("month", interval), strict=True)
    )
    subscription = paid_subscription(old, quantity=quantities[0])
    paid = old.prices.get().amount * quantities[0]
    at = NOW + dt.timedelta(seconds=seconds)
    quoted = quote(subscription, at=at, plan=new.code, quantity=quantities[1], when=PAYMENT)

    order = use(quoted, at=at + MINUTE / 2).order

    assert order is not None
    shown = {"unused": quoted.unused, "period" if quoted.begins_period else "debit": quoted.debit}
    balance = {"balance": quoted.balance} if quoted.balance else {}
    assert (order.amount, {"unused": 0, **dict(lines_of(order))}) == (quoted.amount, {**shown, **balance})
    assert 0 <= -quoted.unused <= paid
    assert broken() == []


CHANGE = st.tuples(st.integers(0, 6 * 86_400), UNITS, QUANTITIES, st.booleans())


@pytest.mark.django_db
@FEW
@given(changes=st.lists(CHANGE, min_size=1, max_size=4), refund=st.integers(0, 1000))
def test_a_sequence_of_changes_never_credits_more_than_was_paid(
    changes: list[tuple[int, int, int, bool]], refund: int
) -> None:
    subscription = paid_subscription(make_plan(amount=1000))
    at = NOW + MINUTE
    Order.objects.filter(subscription=subscription).update(amount_refunded=refund)
    for seconds, price, quantity, yearly in changes:
        at += dt.timedelta(seconds=seconds + 1)
        plan = make_plan(amount=price, interval="year" if yearly else "month")
        paid_change(subscription, at=at, plan=plan.code, quantity=quantity)

    orders = Order.objects.filter(subscription=subscription)
    paid = sum(order.amount - order.amount_refunded for order in orders)
    assert balance_of(subscription=subscription) <= paid
    assert broken() == []
