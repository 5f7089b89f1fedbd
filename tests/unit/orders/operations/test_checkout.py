"""Placing an order: all rows and messages in one transaction, once for each idempotency key."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from orders.models import Order, OrderLine, StoredResponse
from orders.operations import checkout
from orders.operations.checkout import Checkout, CheckoutResponse, IdempotencyKey, KeyReused
from subscriptions.models import BillingPeriod, Customer, Plan, Price, Subscription
from subscriptions.operations.customers import Buyer
from subscriptions.operations.subscriptions import Purchase
from subscriptions.queries import current_price
from tests.support.concurrency import at_once
from tests.support.deliveries import published

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
ADDRESS = {"line1": "1 Main Street", "city": "Berlin", "country": "DE"}


def price_of(plan: Plan) -> Price:
    price = current_price(plan=plan)
    assert price is not None
    return price


def place(
    plan: Plan,
    *,
    key: str = "k1",
    hash: str = "h1",
    caller: str = "c1",
    trial_days: int = 0,
    at: dt.datetime = NOW,
) -> Any:
    return checkout.place_checkout(
        checkout=Checkout(
            buyer=Buyer(email="ada@example.com", name="Ada"),
            purchase=Purchase(
                price=price_of(plan),
                quantity=3,
                payment_method="pm_card_visa",
                shipping_address=ADDRESS,
                time_zone="Europe/Berlin",
                trial_days=trial_days,
            ),
        ),
        key=IdempotencyKey(caller=caller, key=key, request_hash=hash),
        at=at,
        describe=lambda order: {"number": order.number},
    )


def test_all_rows_and_messages_of_a_checkout(db: None, coffee: Plan) -> None:
    response = place(coffee)

    order = Order.objects.get()
    assert response == CheckoutResponse(body={"number": order.number}, replayed=False)
    assert (order.status, order.amount, order.currency, order.placed_at) == ("pending_payment", 3870, "EUR", NOW)
    assert (order.payment_method, order.shipping_address) == ("pm_card_visa", ADDRESS)
    assert (order.period_start, order.period_end) == (NOW, dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC))
    line = OrderLine.objects.get()
    assert (line.description, line.quantity, line.unit_amount, line.amount) == ("Coffee, monthly", 3, 1290, 3870)
    subscription = Subscription.objects.get()
    assert order.subscription == subscription
    assert (subscription.status, subscription.quantity, subscription.shipping_address) == ("incomplete", 3, ADDRESS)
    assert (subscription.price, subscription.time_zone) == (price_of(coffee), "Europe/Berlin")
    period = BillingPeriod.objects.get()
    assert (order.kind, order.period, period.number, period.outcome) == ("first", period, 0, "billed")
    assert (period.start, period.end) == (order.period_start, order.period_end)
    assert Customer.objects.get() == order.customer == subscription.customer
    assert published() == {"CustomerRegistered": 1, "OrderPlaced": 1}


def test_the_same_key_returns_the_stored_response(db: None, coffee: Plan) -> None:
    first = place(coffee)
    again = place(coffee, at=NOW + 23 * HOUR)
    assert (again.body, again.replayed) == (first.body, True)
    assert (Order.objects.count(), published()["OrderPlaced"]) == (1, 1)


@pytest.mark.parametrize("different", [{"key": "k2"}, {"caller": "c2"}, {"at": NOW + 24 * HOUR}])
def test_another_key_or_caller_or_an_expired_key_places_another_order(
    db: None, coffee: Plan, different: dict[str, Any]
) -> None:
    place(coffee)
    assert not place(coffee, **different).replayed
    assert Order.objects.count() == 2


def test_the_same_key_with_another_body_is_rejected(db: None, coffee: Plan) -> None:
    place(coffee)
    with pytest.raises(KeyReused):
        place(coffee, hash="h2")
    assert Order.objects.count() == 1


def test_concurrent_requests_with_one_key_place_one_order(transactional_db: None, coffee: Plan) -> None:
    results = at_once(lambda: place(coffee), times=6)
    bodies = [result.body for result in results if isinstance(result, CheckoutResponse)]
    in_flight = [result for result in results if isinstance(result, checkout.KeyInFlight)]
    assert len(bodies) + len(in_flight) == 6
    assert bodies and all(body == {"number": Order.objects.get().number} for body in bodies)


def test_a_failure_at_the_end_leaves_nothing_behind(transactional_db: None, coffee: Plan) -> None:
    def fail(order: Order) -> dict[str, Any]:
        raise RuntimeError("the response cannot be described")

    with pytest.raises(RuntimeError):
        checkout.place_checkout(
            checkout=Checkout(
                buyer=Buyer(email="ada@example.com", name="Ada"),
                purchase=Purchase(
                    price=price_of(coffee),
                    quantity=1,
                    payment_method="pm_1",
                    shipping_address=None,
                    time_zone="UTC",
                ),
            ),
            key=IdempotencyKey(caller="c", key="k", request_hash="h"),
            at=NOW,
            describe=fail,
        )
    assert [model.objects.count() for model in (Order, Customer, Subscription, StoredResponse)] == [0] * 4
    assert published() == {}


def test_expired_responses_are_purged_in_batches(db: None, coffee: Plan) -> None:
    for number in range(5):
        place(coffee, key=f"old-{number}", at=NOW)
    place(coffee, key="new", at=NOW + HOUR)
    assert checkout.purge_stored_responses(at=NOW + 24 * HOUR, batch=2) == 5
    assert [stored.key for stored in StoredResponse.objects.all()] == ["new"]
    assert Order.objects.count() == 6


def test_a_trial_costs_nothing_and_ends_at_the_local_time_of_the_checkout(db: None, coffee: Plan) -> None:
    place(coffee, trial_days=14, at=dt.datetime(2026, 3, 20, 8, tzinfo=dt.UTC))

    order = Order.objects.get()
    line = order.lines.get()
    assert (order.kind, order.amount, line.kind, line.amount, line.unit_amount) == ("first", 0, "trial", 0, 1290)
    assert order.period_end == dt.datetime(2026, 4, 3, 7, tzinfo=dt.UTC)
    assert order.period is not None
    assert order.period.outcome == "trial"


def test_a_second_trial_of_an_address_leaves_nothing_behind(transactional_db: None, coffee: Plan) -> None:
    place(coffee, trial_days=14)
    before = published()

    with pytest.raises(checkout.TrialUsed):
        place(coffee, key="k2", trial_days=14)

    assert (Order.objects.count(), Subscription.objects.count(), published()) == (1, 1, before)
    place(coffee, key="k2")
    assert Order.objects.filter(amount=3870).count() == 1
