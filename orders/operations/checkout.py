"""Placing an order: one durable transaction, no network call, milliseconds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from integrations import locks
from integrations.outbox.events import publish
from integrations.purging import delete_in_batches
from orders.events import OrderPlaced
from orders.models import CheckoutAnswer, Order, OrderLine
from subscriptions.models import Plan
from subscriptions.operations.customers import Buyer, find_or_register_customer
from subscriptions.operations.subscriptions import start_subscription

KEY_LIFETIME = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """What is bought, already checked against the plan and in form."""

    plan: Plan
    quantity: int
    payment_method: str
    buyer: Buyer
    shipping_address: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An Idempotency-Key, whose it is, and the body that it came with."""

    caller: str
    key: str
    body_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the caller is told; ``replayed`` when it is what the same key was told before."""

    body: dict[str, Any]
    replayed: bool


class KeyInFlight(Exception):
    """A request with this key is being worked on at this moment."""


class KeyReused(Exception):
    """This key came with another body before."""


def earlier_answer(*, key: Key, at: dt.datetime) -> Answer | None:
    """What this key was answered before, if it was, and it still lives.

    Raises ``KeyReused`` when that was to another body.
    """
    stored = CheckoutAnswer.objects.filter(caller=key.caller, key=key.key, created_at__gt=at - KEY_LIFETIME).first()
    if stored is None:
        return None
    if stored.body_hash != key.body_hash:
        raise KeyReused("This Idempotency-Key was used with another body.")
    return Answer(body=stored.answer, replayed=True)


@transaction.atomic(durable=True)
def place_checkout(
    *, checkout: Checkout, key: Key, at: dt.datetime, describe: Callable[[Order], dict[str, Any]]
) -> Answer:
    """Customer, subscription, order, answer and messages, all or nothing. ``describe`` makes the answer's body.

    Raises ``KeyInFlight`` and ``KeyReused``. The second request with a key gets the first one's answer.
    """
    _claim(key)
    answered = earlier_answer(key=key, at=at)
    if answered is not None:
        return answered
    order = _place_order(checkout, at)
    publish(OrderPlaced(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))
    body = describe(order)
    _remember(key, body, order, at)
    return Answer(body=body, replayed=False)


def purge_answers(*, at: dt.datetime, batch: int = 1000) -> int:
    """Delete answers whose keys have expired, ``batch`` rows per statement; return their number."""
    return delete_in_batches(CheckoutAnswer.objects.filter(created_at__lte=at - KEY_LIFETIME), batch=batch)


def _claim(key: Key) -> None:
    """Allow one request at a time for each key. The transaction's end releases the lock."""
    try:
        locks.transaction_lock(f"checkout:{key.caller}:{key.key}")
    except locks.Busy:
        raise KeyInFlight("A request with this Idempotency-Key is being worked on.") from None


def _place_order(checkout: Checkout, at: dt.datetime) -> Order:
    customer = find_or_register_customer(buyer=checkout.buyer)
    plan = checkout.plan
    subscription = start_subscription(
        customer=customer,
        plan=plan,
        quantity=checkout.quantity,
        payment_method=checkout.payment_method,
        shipping_address=checkout.shipping_address,
        at=at,
    )
    amount = plan.amount * checkout.quantity
    order = Order.objects.create(
        customer=customer,
        subscription=subscription,
        amount=amount,
        currency=plan.currency,
        payment_method=checkout.payment_method,
        shipping_address=checkout.shipping_address,
        period_start=subscription.current_period_start,
        period_end=subscription.current_period_end,
        placed_at=at,
    )
    OrderLine.objects.create(
        order=order,
        plan=plan,
        description=plan.name,
        quantity=checkout.quantity,
        unit_amount=plan.amount,
        amount=amount,
    )
    return order


def _remember(key: Key, body: dict[str, Any], order: Order, at: dt.datetime) -> None:
    # A key that has outlived its day is free again; its purge may not have come by yet.
    CheckoutAnswer.objects.filter(caller=key.caller, key=key.key).delete()
    CheckoutAnswer.objects.create(
        caller=key.caller, key=key.key, body_hash=key.body_hash, answer=body, order=order, created_at=at
    )
