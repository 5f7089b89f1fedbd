"""Cancel a subscription at once, with a refund of the unused part."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from charges.models import Charge, Dispute, Refund
from charges.operations import cancellation
from charges.operations.ledger import check_ledger
from integrations.outbox.models import OutboxMessage
from orders.models import Order
from orders.operations import payments
from orders.operations.balances import balance_of
from subscriptions.models import Subscription, SubscriptionChange
from subscriptions.operations.actions import ActionNotAllowed
from subscriptions.operations.commands import Command
from tests.support.concurrency import at_once
from tests.support.days import NOW, Days
from tests.support.deliveries import capture, published
from tests.support.factories import SOFT, make_plan, place_order, place_renewal, request_refund, unpaid
from tests.support.plan_changes import paid_change
from tests.support.subscriptions import TESTS, put_in_status, status_and_reason, subscribed

pytestmark = pytest.mark.django_db(transaction=True)

QUARTER = dt.timedelta(days=31) / 4  # of March
REASON = "too_expensive"


def cancel(subscription: Subscription, at: dt.datetime, *, refund: bool = True, key: str = "k") -> bool:
    return cancellation.cancel_now(
        subscription_id=subscription.pk,
        reason=REASON,
        is_refunded=refund,
        actor=TESTS,
        at=at,
        command=Command(key=key, request_hash="h"),
    )


def refunds() -> list[tuple[int, str, str]]:
    return list(Refund.objects.order_by("pk").values_list("amount", "status", "origin"))


def test_the_unused_part_is_refunded(days: Days) -> None:
    subscription = subscribed(days, amount=2490)
    days.pass_(days=QUARTER.days, seconds=QUARTER.seconds)

    assert cancel(subscription, NOW + QUARTER)
    days.settle()

    assert status_and_reason(subscription) == ("canceled", REASON)
    assert refunds() == [(1868, "succeeded", "customer")]
    [refund] = days.sandbox.objects("refunds")
    assert refund["amount"] == 1868
    assert SubscriptionChange.objects.get(kind="canceled").details == {"refunded": 1868}


def test_no_more_is_refunded_than_is_left(days: Days) -> None:
    subscription = subscribed(days, amount=2490)
    request_refund(Charge.objects.get(), 1000)

    cancel(subscription, NOW + QUARTER)

    assert [amount for amount, _, _ in refunds()] == [1000, 1490]


def test_the_credit_of_a_cheaper_plan_is_refunded_too(days: Days) -> None:
    subscription = subscribed(days, amount=2490)
    put_in_status("active")
    days.pass_(days=QUARTER.days, seconds=QUARTER.seconds)
    paid_change(subscription, at=NOW + QUARTER, plan=make_plan(amount=1290).code)
    assert balance_of(subscription=subscription) == 1868 - 968

    cancel(subscription, NOW + QUARTER)
    days.settle()

    assert refunds() == [(1868, "succeeded", "customer")]
    assert balance_of(subscription=subscription) == 0
    assert [verdict.invariant.name for verdict in check_ledger() if not verdict.holds] == []


def test_nothing_is_refunded_unless_the_customer_asks(days: Days) -> None:
    subscription = subscribed(days, amount=2490)
    assert cancel(subscription, NOW + QUARTER, refund=False)
    assert refunds() == []
    assert status_and_reason(subscription) == ("canceled", REASON)


def test_only_the_current_period_is_refunded(days: Days) -> None:
    first = Order.objects.get(subscription=subscribed(days, amount=2490))
    second = place_renewal(first, payment_method="pm_card_visa")
    capture(second, at=days.now)
    second.refresh_from_db()

    cancel(second.subscription, second.period_end - (second.period_end - second.period_start) / 4)

    assert [(refund.charge.order_id, refund.amount) for refund in Refund.objects.select_related("charge")] == [
        (second.pk, 623)
    ]


def test_a_payment_that_succeeds_meanwhile_is_refunded_as_well(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    """The payment is captured after the payments were locked, and before the subscription is."""
    order = place_order(amount=2490)
    lock, looks = cancellation.locked_subscription, []

    def pay_first(**kwargs: Any) -> Subscription:
        looks.append(kwargs)
        if len(looks) == 1:
            at_once(lambda: capture(order, at=NOW))
        return lock(**kwargs)

    monkeypatch.setattr(cancellation, "locked_subscription", pay_first)

    assert cancel(order.subscription, NOW + QUARTER)

    assert (len(looks), [amount for amount, _, _ in refunds()]) == (2, [1868])


def test_a_payment_that_succeeds_after_the_cancellation_is_refunded_in_full(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settlement has found the order payable when the subscription is canceled."""
    order = place_order(amount=2490)
    mark_paid = payments.mark_paid

    def cancel_first(**kwargs: Any) -> bool:
        at_once(lambda: cancel(order.subscription, NOW, refund=False))
        return mark_paid(**kwargs)

    monkeypatch.setattr(payments, "mark_paid", cancel_first)
    capture(order, at=NOW)
    days.settle()

    order.refresh_from_db()
    assert (order.status, refunds()) == ("canceled", [(2490, "succeeded", "shop")])


def test_a_disputed_payment_is_not_refunded(days: Days) -> None:
    subscription = subscribed(days, amount=2490)
    disputed = {"amount": 2490, "currency": "EUR", "status": "needs_response", "opened_at": NOW, "due_by": NOW}
    Dispute.objects.create(charge=Charge.objects.get(), stripe_id="du_1", is_inquiry=False, **disputed)
    assert cancel(subscription, NOW + QUARTER)
    assert refunds() == []


def test_a_repeated_command_changes_nothing(days: Days) -> None:
    subscription = subscribed(days, amount=2490)
    assert [cancel(subscription, NOW), cancel(subscription, NOW)] == [True, False]
    assert len(refunds()) == 1


def test_two_commands_at_once_cancel_and_refund_once(days: Days) -> None:
    subscription = subscribed(days, amount=2490)

    def attempt(key: str) -> bool:
        try:
            return cancel(subscription, NOW + QUARTER, key=key)
        except ActionNotAllowed:
            return False

    results = at_once(lambda: attempt("a"), lambda: attempt("b"))

    assert sorted(results) == [False, True]
    assert [amount for amount, _, _ in refunds()] == [1868]


def test_a_canceled_subscription_cannot_be_canceled(days: Days) -> None:
    subscription = subscribed(days, amount=2490)
    put_in_status("canceled")
    with pytest.raises(ActionNotAllowed):
        cancel(subscription, NOW)
    assert refunds() == []


def test_an_unpaid_order_is_canceled_with_its_subscription(days: Days) -> None:
    order = unpaid(days)
    days.settle()

    cancel(order.subscription, days.now)
    days.pass_(days=40)

    order.refresh_from_db()
    assert (order.status, Charge.objects.get(order=order).status) == ("canceled", "canceled")
    assert published()["SubscriptionCanceled"] == 1


def test_an_order_in_the_outbox_is_not_charged_after_the_cancellation(days: Days) -> None:
    order = place_order(payment_method=SOFT)
    OutboxMessage.objects.all().delete()
    cancel(order.subscription, days.now)
    days.settle()

    order.refresh_from_db()
    assert order.status == "canceled"
    assert days.sandbox.objects("payment_intents") == []
