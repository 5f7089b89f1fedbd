"""Customers are warned once of a card that expires, if a subscription renews with it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from charges.models import CardExpiryWarning, SavedPaymentMethod
from charges.operations.payments.card_expiries import claim_batch, warn_of_expiring_cards
from integrations.outbox.models import OutboxMessage
from subscriptions.models import PendingChange, Subscription
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.factories import place_order

pytestmark = pytest.mark.django_db(transaction=True)


def card(*, month: int = 3, status: str = "active", number: int = 1) -> SavedPaymentMethod:
    """A card that expires at the end of this month of 2026, with which a subscription renews."""
    order = place_order(payment_method=f"pm_{number}")
    renews_at = None if status in ("paused", "canceled") else order.subscription.renews_at
    Subscription.objects.filter(pk=order.subscription_id).update(status=status, canceled_at=NOW, renews_at=renews_at)
    return SavedPaymentMethod.objects.create(
        customer=order.customer, payment_method_id=order.payment_method, brand="visa", exp_year=2026, exp_month=month
    )


def at(month: int, day: int) -> dt.datetime:
    return dt.datetime(2026, month, day, 7, 10, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("today", "warned"), [(at(3, 1), 0), (at(3, 2), 1), (at(3, 31), 1), (at(4, 1), 0), (at(2, 28), 0)]
)
def test_a_card_is_announced_from_30_days_before_until_its_last_day(today: dt.datetime, warned: int) -> None:
    card(month=3)
    assert warn_of_expiring_cards(at=today) == warned


def test_each_expiry_is_announced_once() -> None:
    saved = card(month=3)
    assert [warn_of_expiring_cards(at=at(3, day)) for day in (2, 2, 3)] == [1, 0, 0]
    message = OutboxMessage.objects.get(task="emails.card_expiring")
    assert message.kwargs == {
        "warning_id": str(CardExpiryWarning.objects.get().pk), "customer_id": str(saved.customer_id)
    }  # fmt: skip
    SavedPaymentMethod.objects.update(exp_month=4)
    assert [warn_of_expiring_cards(at=at(4, day)) for day in (1, 2)] == [1, 0]


@pytest.mark.parametrize(("status", "warned"), [("trialing", 1), ("past_due", 1), ("paused", 0), ("canceled", 0)])
def test_only_a_card_with_which_a_subscription_renews_is_announced(status: str, warned: int) -> None:
    card(status=status)
    assert warn_of_expiring_cards(at=at(3, 2)) == warned


def test_a_removed_card_and_one_of_a_planned_end_are_not_announced() -> None:
    saved = card()
    SavedPaymentMethod.objects.update(removed_at=NOW)
    assert warn_of_expiring_cards(at=at(3, 2)) == 0
    SavedPaymentMethod.objects.update(removed_at=None)
    subscription = Subscription.objects.get(customer=saved.customer)
    ends: dict[str, Any] = {"kind": "cancel", "when": "period_end", "actor_kind": "customer", "actor": "x"}
    PendingChange.objects.create(subscription=subscription, **ends)
    assert warn_of_expiring_cards(at=at(3, 2)) == 0


def test_the_mails_of_a_run_are_spread_over_time() -> None:
    for number in range(3):
        card(number=number)
    assert [claim_batch(at=at(3, 2), batch=2), claim_batch(at=at(3, 2), already=2)] == [2, 1]
    rows = OutboxMessage.objects.filter(task="emails.card_expiring").order_by("not_before")
    assert [row.not_before - at(3, 2) for row in rows] == [dt.timedelta(seconds=0.1) * number for number in range(3)]


def test_three_runs_at_once_warn_once() -> None:
    for number in range(3):
        card(number=number)
    at_once(lambda: warn_of_expiring_cards(at=at(3, 2)), times=3)
    assert CardExpiryWarning.objects.count() == OutboxMessage.objects.filter(task="emails.card_expiring").count() == 3
